"""Labels of forecasts: a whole list at once, or its steps as they become known.

A list that is as long as the horizon is whole, and what is null in it is a gap of the series. A shorter one tells
the steps that are known so far (`[null, null, 41.5]` is the third), and waits for the others.
"""

import msgspec

from driftloop.spec.forecast import label_steps
from driftloop.spec.model_spec import ModelSpec
from outcome_ingestion.core.refusal import invalid

Steps = list[float | None]
Value = float | str | Steps


class SeriesSoFar(msgspec.Struct, frozen=True):
    """The steps of a series that are known so far, null where one is not."""

    steps: Steps


Truth = Value | SeriesSoFar | None


def with_horizon(values: tuple[Value | None, ...], spec: ModelSpec) -> tuple[Truth, ...]:
    """The truths with the lists that are not whole marked so; raises `Refusal` for one that is too long."""
    steps = label_steps(spec)
    if not steps:
        return values
    for value in values:
        if isinstance(value, list) and not 0 < len(value) <= steps:
            raise invalid("WrongLength", f"the label has {len(value)} values, the spec asks for at most {steps}")
    return tuple(SeriesSoFar(v) if isinstance(v, list) and len(v) < steps else v for v in values)


def has_series(values: tuple[Truth, ...]) -> bool:
    """Whether one of the truths is a list."""
    return any(isinstance(value, list | SeriesSoFar) for value in values)


def together(newer: Truth, older: Truth) -> Truth:
    """One truth of two: of a series, each step as it was told last.

    >>> together([None, 2.0], SeriesSoFar([1.0]))
    [1.0, 2.0]
    >>> together(SeriesSoFar([None, 2.0]), SeriesSoFar([1.0]))
    SeriesSoFar(steps=[1.0, 2.0])
    """
    if newer is None or older is None or not has_series((newer,)) or not has_series((older,)):
        return newer if newer is not None else older
    new, old = _steps(newer), _steps(older)
    length = max(len(new), len(old))
    new, old = new + [None] * (length - len(new)), old + [None] * (length - len(old))
    merged = [one if one is not None else other for one, other in zip(new, old, strict=True)]
    return merged if isinstance(newer, list) or isinstance(older, list) else SeriesSoFar(merged)


def _steps(truth: Truth) -> Steps:
    if isinstance(truth, SeriesSoFar):
        return truth.steps
    return truth if isinstance(truth, list) else []
