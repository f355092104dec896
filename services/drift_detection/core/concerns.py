"""Which parts of a spec concern detection, and what of it begins anew where one of them is changed.

Why by parts: a spec is edited for many reasons, and what has been learnt of a model is lost with its monitors.
Whatever is not named here (permissions, training, challenge, policy, learner, automation, clock, features)
changes nothing: what features were is told by the profile of a version, not by the spec.
"""

from collections.abc import Callable, Mapping
from typing import Any

from driftloop.spec.compatibility import target_of
from driftloop.spec.model_spec import ModelSpec

PARTS: Mapping[str, Callable[[ModelSpec], Any]] = {
    "target": lambda spec: (target_of(spec), tuple(spec.target.items())),
    "error detector": lambda spec: (
        spec.detection.preset,
        spec.detection.error_detector,
        tuple(sorted(spec.detection.error_parameters.items())),
        spec.detection.tolerance,
    ),
    "windows": lambda spec: (
        spec.detection.monitors,
        spec.detection.windows,
        spec.detection.window_rows,
        spec.detection.window_seconds,
        spec.detection.minimum_rows,
    ),
    "segments": lambda spec: spec.segments,
    "budget": lambda spec: (
        spec.detection.false_alarms_per_month,
        spec.detection.fleet_models,
        spec.detection.rows_per_month,
    ),
    "loss blocks": lambda spec: spec.detection.loss_block_rows,
    "label delay": lambda spec: spec.label_delay.expected_seconds,
}

WORDS: Mapping[str, str] = {
    "target": "another target: losses, labels and predictions are learnt anew",
    "error detector": "another error detector or preset: losses are watched anew",
    "windows": "other windows or monitors: columns and labels are watched anew",
    "snapshot": "a snapshot of a layout that cannot be read: all is learnt anew",
    "segments": "other segment fields: segments of new fields are watched from here on",
}
"""What is said of the parts whose change makes something begin anew; of the others nothing does."""


def changed_parts(before: ModelSpec, after: ModelSpec) -> frozenset[str]:
    """The parts that differ.

    >>> from driftloop.spec.model_spec import Feature, TargetField, TrainingRule
    >>> one = ModelSpec(model_id="m", task="binary", features={"x": Feature()}, target={"y": TargetField()})
    >>> sorted(changed_parts(one, one.model_copy(update={"training": TrainingRule(minimum_rows=10)})))
    []
    >>> sorted(changed_parts(one, one.model_copy(update={"segments": ("site",)})))
    ['segments']
    """
    return frozenset(name for name, part in PARTS.items() if part(before) != part(after))
