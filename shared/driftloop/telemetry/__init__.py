"""How a service is watched: structured logs, metrics, health."""
