"""operations-console: shows the fleet to people and programs, and takes their commands.

Role `console`
  consumes    drift-signals, drift-status, retrain-decisions, model-events, model-commands, model-specs,
              notification-mutes, training-requests, training-progress, training-results; the newest challenge-scores
              and dead letters
  produces    model-commands, model-specs, notification-mutes, prediction-labels; the input topics again, where a dead
              letter is replayed
  keyed by    nothing: every replica reads everything
  guarantees  the view equals one folded from the whole log; aborted records are never shown; a command
              is accepted only once the broker has it, and its id follows from its idempotency key, so
              that the same key sent twice is one command
  state       none: the view is folded from the log anew at each start

Role `notify`
  consumes    drift-signals, drift-status, retrain-decisions, model-events, training-results;
              table notification-mutes
  produces    nothing on the log: it tells people, by the rules in a file
  keyed by    model_id
  guarantees  every incident is told, once to a receiver that knows idempotency keys; else twice at most, and if
              neither sending is known to have arrived, that is said; a receiver that is away is tried for three days
  state       incidents that stand, and what is still to be told of them (keyed changelog)

Role `mirror`
  consumes    model-events, training-requests, training-results
  produces    nothing on the log: it keeps the registry of an MLflow server up, by its REST API
  keyed by    model_id
  guarantees  what the log says is in MLflow once, over kills and absences; an alias that somebody else moved
              is named and not overwritten; a registry that was lost is filled again
  state       what is mirrored of each model and version (keyed changelog)

Role `lineage` (runs where `DRIFTLOOP_TELEMETRY_OPENLINEAGE_URL` is set)
  consumes    training-requests, training-results, model-events
  produces    nothing on the log: it sends OpenLineage events
  keyed by    model_id
  guarantees  every run and promotion is sent, perhaps twice: the second one has the same run and time
  state       none

Why Faust and our own reader: the view is loaded by the reader (85 times less CPU, and it knows when the
view is whole) and handed over at exact offsets to Faust's agents, which keep it live and run the
schedules. Nothing that must not be lost passes through Faust.
"""
