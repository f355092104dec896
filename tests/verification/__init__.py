"""A log of months, made by the services' own cores in memory, verified from its checkpoints."""
