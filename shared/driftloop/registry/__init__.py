"""The registry: artifacts of versions, and the view of `model-events`."""
