"""When labels come, which rows they come for, and whether what is true has shifted."""
