"""How what is remembered of a model is held: packed, and opened where it is asked for."""
