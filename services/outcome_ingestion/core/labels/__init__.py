"""Labels meet their rows, in one spelling of each class and by a clock that no single record moves."""
