"""What touches the outside: the Delta table."""
