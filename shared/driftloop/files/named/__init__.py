"""Logs of model servers that are read by name: each becomes a table with a row a prediction."""
