"""What every part of a spec is."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

T = TypeVar("T")


class SpecPart(BaseModel):
    """A frozen part of a spec. Unknown keys are refused: a typing error must not pass silently.

    So are infinite numbers and NaN, which JSON has not: they would be published as null, and no service could read it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


def _only_finite(value: T) -> T:
    try:
        for place, number in _numbers(value):
            if not math.isfinite(number):
                named = f"{place} is {number}" if place else f"it is {number}"
                raise ValueError(f"{named}: a number must be finite, leave it out or choose another")
    except RecursionError:
        raise ValueError("it holds itself, or too many levels: JSON cannot hold it") from None
    return value


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield place, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _numbers(one, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple | set | frozenset):
        for number, one in enumerate(value):
            yield from _numbers(one, f"{place}.{number}" if place else str(number))


Free = Annotated[T, AfterValidator(_only_finite)]
"""What others give a meaning, such as the parameters of a learner: whatever JSON can hold."""
