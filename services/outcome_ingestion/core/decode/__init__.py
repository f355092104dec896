"""Records to rows, labels and refusals: each encoding by the usual way; `fast` has the quick one."""
