"""Figures that policies speak of and that follow from those of the status."""

from collections.abc import Mapping

from driftloop.spec.model_spec import ModelSpec


def completed(metrics: Mapping[str, float], spec: ModelSpec) -> dict[str, float]:
    """The metrics with accuracy, error rate and accuracy drop where losses are 0 or 1.

    >>> spec = ModelSpec.model_validate(
    ...     {"model_id": "m", "task": "binary", "features": {"x": {}}, "target": {"y": {}}})
    >>> completed({"loss": 0.25}, spec)
    {'accuracy': 0.75, 'error_rate': 0.25, 'loss': 0.25}
    """
    found = dict(metrics)
    if all(field.kind == "category" or field.tolerance is not None for field in spec.target.values()):
        derived = {}
        if "loss" in metrics:
            derived = {"accuracy": 1.0 - metrics["loss"], "error_rate": metrics["loss"]}
        if "loss_rise" in metrics:
            derived["accuracy_drop"] = metrics["loss_rise"]
        found = {**derived, **found}
    return found
