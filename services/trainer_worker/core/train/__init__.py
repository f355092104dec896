"""Role `train`: the runs, and the arithmetic of one."""
