"""Parameters of a learner: read strictly, so that a typing error is refused with the names that are known."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class Parameters(BaseModel):
    """What a learner can be told. Subclasses name the parameters with types, limits and defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


P = TypeVar("P", bound=Parameters)


def read_parameters(kind: type[P], learner: str, given: Mapping[str, Any]) -> P:
    """`given` as parameters of `learner`; raises ValueError with one sentence about the first wrong one.

    >>> class Knobs(Parameters):
    ...     depth: int = 3
    >>> read_parameters(Knobs, "tree", {"deepth": 4})
    Traceback (most recent call last):
    ValueError: learner tree has no parameter 'deepth'; it knows: depth
    """
    for name in given:
        if name not in kind.model_fields:
            known = ", ".join(sorted(kind.model_fields)) or "none"
            raise ValueError(f"learner {learner} has no parameter {name!r}; it knows: {known}")
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ValueError(f"learner {learner}: parameter {name!r} is wrong: {first['msg']}") from None
