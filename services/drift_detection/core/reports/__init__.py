"""From findings to signals and statuses."""
