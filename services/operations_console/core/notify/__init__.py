"""To be told: what an incident is, who is told of it, and that it happens once."""
