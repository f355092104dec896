"""The golden set: rows that no version may get worse on."""

from dataclasses import dataclass

from driftloop.learners.protocol import Model, Rows
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.train.fitting import model_losses


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Frozen rows, and the SHA-256 of the file that they came from."""

    rows: Rows
    sha256: str


def golden_metrics(spec: ModelSpec, golden: GoldenSet, model: Model, champion: Model | None) -> dict[str, float]:
    """Mean losses on the golden set.

    Raises ValueError where the model loses more there than the champion and the spec's tolerance.
    """
    ours = float(model_losses(spec, model, golden.rows).mean())
    metrics = {"golden_loss": round(ours, 9), "golden_rows": float(len(golden.rows))}
    if champion is None:
        return metrics
    theirs = float(model_losses(spec, champion, golden.rows).mean())
    if ours > theirs + spec.training.golden_tolerance:
        raise ValueError(
            f"the version is worse on the golden set: it loses {ours:.4g}, the champion {theirs:.4g}, "
            f"and {spec.training.golden_tolerance:g} more is allowed"
        )
    return metrics | {"golden_champion_loss": round(theirs, 9)}
