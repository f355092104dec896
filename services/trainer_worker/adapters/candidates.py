"""Archived versions tried on the newest rows."""

import numpy as np

from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost, Validation
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.adapters.data_set import DataSet
from trainer_worker.adapters.other_versions import Store
from trainer_worker.core.train.fitting import Champion, loss_bound, model_losses
from trainer_worker.core.train.reuse import Tried, choose, judged_rows
from trainer_worker.core.train.run_report import Reused

_NOTHING = TrainingCost(seconds=0.0, cpu_seconds=0.0)


def reuse(store: Store, request: TrainingRequest, spec: ModelSpec, data: DataSet, champion: Champion) -> Reused | None:
    """The candidate that serves again, with its losses beside the champion's; None where none does.

    A candidate whose artifact is gone or damaged, or that predicts another target, is not tried; `store` keeps
    the reason.
    """
    picked = judged_rows(champion.unseen, data.pseudo, request.data.fresh_rows)
    if champion.model is None or not request.candidates or not len(picked):
        return None
    rows = data.rows.take(picked)
    theirs = model_losses(spec, champion.model, rows)
    tried = {}
    for candidate in request.candidates:
        found = store.candidate(candidate.version, candidate.artifact, candidate.sha256, spec)
        if found is not None:
            artifact, model = found
            tried[candidate.version] = Tried(model_losses(spec, model, rows), artifact.manifest.metrics.get("loss"))
    version = choose(theirs, tried)
    if version is None:
        return None
    ours = tried[version].losses
    return Reused(
        version=version,
        metrics={
            "loss": float(np.round(ours.mean(), 9)),
            "champion_loss": float(np.round(theirs.mean(), 9)),
            "held_out_rows": float(len(picked)),
        },
        validation=Validation(challenger_losses=tuple(ours.tolist()), champion_losses=tuple(theirs.tolist())),
        loss_bound=loss_bound(spec.target, theirs),
        data=data.described,
        cost=_NOTHING,
    )
