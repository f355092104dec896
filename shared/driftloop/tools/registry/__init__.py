"""The registry: a view of `model-events` and the specs, for people and programs that ask about versions."""
