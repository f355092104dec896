"""What a partition remembers, how it is kept as state, and what may be forgotten."""
