"""The monitors of a model: of its versions and segments, within one budget of alarms."""
