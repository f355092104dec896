"""What the source systems alarm on in the newest losses, as data: `detection: {preset: NAME}` in a spec.

Their limits on shifts (PSI, KS, the weighted sum) are rules of the policy of the same name, which
reads them as metrics. Here is what needs every row: rolling means, and the four-test battery.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drift_detection.core.detectors.protocol import LossReference, make_detector
from drift_detection.core.windows.protocol import window_test
from driftloop.spec.model_spec import Detection

RuleKind = Literal["above", "rise", "battery"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Looks at the last `window` losses of a version after every `every` rows.

    above: their mean is over `limit` · rise: it is over the reference by more than `limit` ·
    battery: any of four tests against the version's first `window` losses has p below `limit`
    (Holm's correction for the four; as written in its source it cries wolf at one check in eight).
    """

    name: str
    kind: RuleKind
    window: int
    every: int
    limit: float


PRESETS: Mapping[str, tuple[Rule, ...]] = {
    "default": (),
    "plant-regression": (Rule("rolling_error", "above", 50, 25, 0.1),),
    "agent-outcomes": (Rule("accuracy_floor", "above", 50, 10, 0.30),),
    "metrics-forecast": (),
    "adaptive-feedback": (
        Rule("performance_battery", "battery", 100, 50, 0.05),
        Rule("accuracy_drop", "rise", 100, 50, 0.05),
    ),
    "document-extraction": (Rule("concept_drift", "rise", 100, 50, 0.05),),
}


def rules_of(preset: str) -> tuple[Rule, ...]:
    """The rules of a preset; raises ValueError if there is none of that name.

    >>> [rule.name for rule in rules_of("plant-regression")]
    ['rolling_error']
    """
    if preset not in PRESETS:
        raise ValueError(f"there is no detection preset {preset!r}; the presets are {', '.join(sorted(PRESETS))}")
    return PRESETS[preset]


def check_detection(detection: Detection) -> None:
    """Raises ValueError where a preset, detector or monitor is named that does not exist, or a parameter does not fit.

    >>> from driftloop.spec.model_spec import Detection
    >>> check_detection(Detection(error_detector="adwin", error_parameters={"delta": 0.01}))
    """
    rules_of(detection.preset)
    if detection.error_detector is not None:
        make_detector(detection.error_detector, LossReference(), detection.error_parameters)
    for name in detection.monitors:
        window_test(name)
