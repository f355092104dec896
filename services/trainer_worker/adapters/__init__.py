"""The outside: the archive, artifacts, and the child processes that train."""
