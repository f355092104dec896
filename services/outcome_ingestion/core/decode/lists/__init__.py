"""Values that are lists: vectors of a feature, and the steps of a forecast."""
