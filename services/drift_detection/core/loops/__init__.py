"""The loops over every value of a frame: compiled where numba is installed, by numpy where it is not."""
