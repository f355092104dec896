"""The view of the fleet: a fold of the log, and how each model stands."""
