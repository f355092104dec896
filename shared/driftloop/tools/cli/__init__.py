"""The `driftloop` command: one module a command, or a group of commands."""
