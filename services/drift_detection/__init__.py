"""Tells harmful drift from noise.

Consumes   outcome-frames (tables: model-specs, model-profiles)
Produces   drift-signals, drift-status
Keyed by   model_id; one partition holds all of a model
Guarantees one drift gives one signal; the same frames, specs and profiles give the same signals and
           statuses byte for byte, however frames were batched; signals name rows, not frames
           a segment's status is published once a second at most, and with the frame that begins or ends an alarm
           a corrected label among the newest 1,050 corrects the metrics; alarms stand as they were raised
State      a monitor for each model and segment, kept as snapshots and the frames after them
"""
