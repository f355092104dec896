"""What another system answers to a request: fetched, verified, and judged, as a command's model is."""

import time
from pathlib import Path

import numpy as np

from driftloop.contracts.training_results import Validation
from driftloop.learners.protocol import Rows
from trainer_worker.adapters.command.folder import RunFolder
from trainer_worker.adapters.command.importing import has_holes, imported_model
from trainer_worker.adapters.command.train import Progress, cost_since
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.prepared import prepared
from trainer_worker.adapters.version_files import golden_of, profile_of, write_version
from trainer_worker.core.train.fitting import Fitted, judged
from trainer_worker.core.train.run_report import Succeeded, WaitsFor

_FEWEST_CHECK_ROWS = 20


def import_answer(job: Job, progress: Progress, waits: WaitsFor = lambda _what: None) -> Succeeded:  # noqa: ARG001
    """Take in what another system trained. Raises ValueError, with a sentence, where it is not usable.

    It is scored on the newest rows, for its profile and for whoever looks. That is no evidence: nobody here knows
    which rows it learnt from, so its proof begins with the rows that come after it.
    """
    began, request, spec = time.perf_counter(), job.run.request, job.run.spec
    answer = job.run.answer
    if answer is None or answer.artifact is None:
        raise ValueError("the answer names no artifact")
    folder = RunFolder(Path(job.runs_path), request, "proof")
    folder.fetch(answer.artifact)
    result = folder.result().model_copy(update={"sha256": answer.artifact_sha256})
    if result.format != "onnx" or answer.artifact_sha256 is None:
        raise ValueError("an answer is a model in ONNX, with its SHA-256 in artifact_sha256")
    model = imported_model(folder, result, spec, _enough(folder.check_rows(spec)))
    ready = prepared(job, waits)
    data, store, champion, split = ready.data, ready.store, ready.champion, ready.split()
    if model is None:
        raise ValueError("the answer brought no model")
    said = model.predict(data.rows.take(split.held_out))
    verdict = judged(spec, data.rows, split, said, champion)
    fitted = Fitted(
        model, verdict.validation, verdict.losses, verdict.loss_bound, verdict.metrics, said, verdict.remarks
    )
    golden = golden_of(spec, model, champion)
    environment = {f"answer {name}": text for name, text in result.environment.items()}
    artifact = write_version(job, data, fitted, golden, waits, made_by="onnx", libraries=environment)
    return Succeeded(
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
        metrics=fitted.metrics | golden.metrics,
        validation=Validation(challenger_losses=()),
        loss_bound=fitted.loss_bound,
        data=data.described,
        cost=answer.cost or cost_since(began),
        profile=profile_of(request, spec, data, split, fitted),
        remarks=(*store.remarks, *data.quality.remarks(), *fitted.remarks),
        left_out=data.quality.left_out,
        refitted=False,
    )


def _enough(rows: Rows) -> Rows:
    if len(rows) < _FEWEST_CHECK_ROWS or not np.any(has_holes(rows)):
        raise ValueError(
            f"check_rows.parquet needs {_FEWEST_CHECK_ROWS} rows at least, some with a missing value: a converter may "
            "be wrong about those alone"
        )
    return rows
