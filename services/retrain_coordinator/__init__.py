"""retrain_coordinator: decides when a model is retrained, and which version serves.

Consumes: drift-signals, drift-status, challenge-scores, training-results, model-commands.
Reads as a table: model-specs.
Produces: retrain-decisions, training-requests, model-events.
Keyed by: model_id.
Guarantees: one decision a drift, each exactly once, refusals too, with its reason and the state of
every safeguard; the same evidence gives the same bytes, however its topics interleave.
State: keyed, one JSON entry a model, in the changelog of the group.

Why one service decides both: a run, its proof and its promotion are one story of one model, and
only who knows all of it can refuse a second run while the first is still being proven.
"""
