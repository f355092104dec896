"""One value of one row: made to fit the kind that the spec declares, or refused."""

from collections.abc import Mapping

from driftloop.codec.outcomes import Scalar, Series
from driftloop.codec.scalars import category_text
from driftloop.spec.model_spec import TargetField
from outcome_ingestion.core.decode.lists.series import flat
from outcome_ingestion.core.refusal import invalid

Fitted = float | str | list[float | None]


def fit(value: object, kind: str, what: str) -> Fitted:
    """`value` as a float or as the text of a category; `what` names it in the refusal.

    >>> fit(3, "number", "feature 'x'"), fit(3.0, "category", "feature 'x'")
    (3.0, '3')
    """
    if kind == "number":
        return _number(value, what)
    if kind == "series":
        return flat(value, what)
    if isinstance(value, str | int | float):
        return category_text(value)
    raise invalid("WrongType", f"{what} is no scalar")


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid("WrongType", f"{what} is declared a number and is {type(value).__name__} {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise invalid("WrongType", f"{what} is too large a number") from error


def fit_feature(value: object, kind: str, name: str) -> Fitted | None:
    """A feature's value; None stays missing."""
    return None if value is None else fit(value, kind, f"feature '{name}'")


def fit_target(
    value: Scalar | Series | Mapping[str, Scalar | Series] | None, target: Mapping[str, TargetField], what: str
) -> tuple[Fitted, ...] | None:
    """A prediction or label, one value a target field in the order of the spec; None stays None.

    A scalar stands for the only field. Fields that the spec does not name are left out.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        if len(target) != 1:
            raise invalid("WrongType", f"the {what} is one value, the spec has the fields {', '.join(target)}")
        value = {next(iter(target)): value}
    missing = [name for name in target if value.get(name) is None]
    if missing:
        raise invalid("MissingField", f"the {what} lacks the field '{missing[0]}'")
    return tuple(fit(value[name], field.kind, f"{what} '{name}'") for name, field in target.items())


def fit_truths(
    value: Scalar | Series | Mapping[str, Scalar | Series], target: Mapping[str, TargetField]
) -> tuple[Fitted | None, ...]:
    """A label, one value a target field; None for a field whose truth is not known yet. One at least is there."""
    if not isinstance(value, Mapping) or not any(value.get(name) is not None for name in target):
        fitted = fit_target(value, target, "label")
        assert fitted is not None
        return fitted
    known = {name: value[name] for name in target if value.get(name) is not None}
    return tuple(
        fit(known[name], field.kind, f"label '{name}'") if name in known else None for name, field in target.items()
    )
