"""What an operator does to a cluster: topics, access, removal, dead letters."""
