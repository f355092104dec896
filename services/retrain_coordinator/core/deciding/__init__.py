"""What a decision goes by: evidence, triggers, safeguards, and which rows to learn from."""
