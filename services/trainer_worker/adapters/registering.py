"""Takes in a version that somebody made elsewhere: loaded, judged on labelled rows, profiled, written, registered.

The same path for every make: a model in ONNX or skops, one that answers at an address. Nothing is trained, and the
rows prove nothing (nobody here knows which of them it learnt from): the proof begins with the rows that come after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import Artifact, artifact_uri, write_artifact
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.learners.onnx_model import OnnxModel
from driftloop.learners.protocol import Model, Predictions, Rows
from driftloop.learners.served_model import ServedAt, ServedModel
from driftloop.learners.skops_model import SkopsModel
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.profiles import make_profile
from trainer_worker.adapters.command.importing import has_holes, require_the_same
from trainer_worker.adapters.golden_set import read_golden_set
from trainer_worker.core.train.fitting import loss_bound, losses_of, model_losses
from trainer_worker.core.train.golden import golden_metrics

Make = Literal["onnx", "skops", "open-inference"]
FEWEST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Check:
    """Rows, some with a missing value, and what the framework itself says about them."""

    rows: Rows
    said: Predictions


@dataclass(frozen=True, slots=True)
class Brought:
    """A version from elsewhere. `contents` is the file of a model, `at` the address of one that is served."""

    model_id: str
    version: str
    spec: ModelSpec
    spec_version: int
    make: Make
    contents: bytes = b""
    inputs: tuple[str, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    at: ServedAt | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """What has been taken in: the artifact, its figures, and the messages that make it known."""

    artifact: Artifact
    metrics: dict[str, float]
    profile: ModelProfile
    command: ModelCommand


def take_in(
    brought: Brought,
    rows: Rows,
    predicted_at: NDArray[np.int64] | None,
    champion: Model | None,
    artifact_root: str,
    *,
    requested_by: str,
    now: datetime,
) -> Registered:
    """Judge a version on labelled rows (the newest, oldest first) and write its artifact; nothing is published.

    Raises ValueError, with a sentence, where it cannot be loaded, does not fit the spec, says something else than its
    framework, or is worse on the golden set.
    """
    if len(rows) < FEWEST_ROWS:
        raise ValueError(f"{len(rows)} labelled rows are there, at least {FEWEST_ROWS} are needed to judge the version")
    spec, model = brought.spec, loaded(brought, rows)
    said = model.predict(rows)
    losses = losses_of(spec, said, rows)
    metrics = {"loss": float(np.round(losses.mean(), 9)), "held_out_rows": float(len(rows))}
    if champion is not None:
        metrics["champion_loss"] = float(np.round(model_losses(spec, champion, rows).mean(), 9))
    golden = None if spec.training.golden_set is None else read_golden_set(spec.training.golden_set, spec)
    if golden is not None:
        metrics |= golden_metrics(spec, golden, model, champion)
    manifest = Manifest(
        model_id=brought.model_id,
        version=brought.version,
        learner=brought.make,
        spec_version=brought.spec_version,
        spec=spec,
        golden_sha256=None if golden is None else golden.sha256,
        metrics=metrics,
    )
    artifact = write_artifact(artifact_uri(artifact_root, brought.model_id, brought.version), manifest, model)
    profile = make_profile(
        brought.model_id,
        brought.version,
        spec,
        brought.spec_version,
        rows,
        said,
        losses,
        loss_bound(spec.target, losses),
        predicted_at=predicted_at,
        message_id=derive_id("model-profile", brought.model_id, brought.version, artifact.sha256),
        occurred_at=now,
    )
    return Registered(artifact, metrics, profile, _command(brought, artifact, requested_by, now))


def loaded(brought: Brought, rows: Rows) -> Model:
    """The version, ready to predict; raises ValueError with a sentence."""
    if brought.make == "open-inference":
        if brought.at is None:
            raise ValueError("a model that is served needs its address")
        return ServedModel.of(brought.at, brought.spec, Rows(rows.features))
    if brought.make == "skops":
        return SkopsModel.of(brought.contents, brought.spec, brought.inputs)
    model = OnnxModel.of(brought.contents, brought.spec, brought.inputs, brought.outputs)
    check = brought.check
    if check is None or len(check.rows) < FEWEST_ROWS or not np.any(has_holes(check.rows)):
        raise ValueError(
            f"a model in ONNX needs {FEWEST_ROWS} check rows at least, some with a missing value, and what its own "
            "framework says about them: a converter may be wrong about those alone"
        )
    require_the_same(model.predict(check.rows), check.said, check.rows, brought.spec)
    return model


def _command(brought: Brought, artifact: Artifact, requested_by: str, now: datetime) -> ModelCommand:
    return ModelCommand(
        message_id=derive_id("command", brought.model_id, "register", brought.version, now.isoformat()),
        model_id=brought.model_id,
        occurred_at=now,
        command="register",
        version=brought.version,
        artifact=artifact.uri,
        artifact_sha256=artifact.sha256,
        reason=f"registered as {brought.make}",
        requested_by=requested_by,
    )
