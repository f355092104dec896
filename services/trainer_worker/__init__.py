"""trainer-worker: trains versions, and scores challengers beside the champion.

Role `train`
  consumes    training-requests, model-commands (cancel); model-specs as a table
  produces    training-progress, training-results, model-profiles, and artifacts
  keyed by    model_id
  guarantees  a run ends in exactly one result; the same run id gives the same version; the child
              process that trains never outlives the worker; a learner that fails, hangs or eats
              memory ends its run and nothing else
  state       runs that have not ended, and the ids of those that have (keyed changelog)

Role `score`
  consumes    outcome-frames, model-events; model-specs as a table
  produces    challenge-scores
  keyed by    model_id
  guarantees  each frame is scored once for every version that is to be scored from it on, empty
              frames included; a damaged artifact is said and never passed over
  state       which versions of a model are scored (keyed changelog)
"""
