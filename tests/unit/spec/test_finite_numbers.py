"""No number of a spec is infinite or NaN: it would be published as null, which no service can read."""

import json
from collections.abc import Iterator
from math import inf, nan

import pytest
from pydantic import BaseModel, ValidationError

from driftloop.spec.model_source import ModelSource
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import Policy, policy_of

SPEC = ModelSpec.model_validate(
    {
        "model_id": "plant", "task": "regression", "features": {"a": {}, "b": {"kind": "category"}},
        "target": {"y": {"kind": "number", "tolerance": 0.1, "scale": 2.0}},
        "detection": {"error_parameters": {"delta": 0.1}, "window_seconds": 60.0, "rows_per_month": 1e4},
        "learner": {"name": "mine", "parameters": {"depth": 3.0, "grid": [1.0, {"rate": 0.1}], "pair": (1.0, 2.0)}},
        "training": {"recency": {"half_life_days": 2.0}},
        "challenge": {"non_inferiority": 0.1, "critical_errors": 0.1},
        "policy": {"preset": "default", "triggers": {"payoff": {"price": 20.0}, "forced_age_seconds": 60.0}},
    }
)  # fmt: skip
SOURCE = ModelSource(
    name="plant", model_id="plant", topics=("theirs",), server="kserve", rating_range=(1.0, 5.0),
    avro_schema={"type": "record", "name": "row", "fields": [{"name": "a", "type": "double", "default": 0.5}]},
)  # fmt: skip


def floats_of(value, path=()) -> Iterator[tuple]:
    """Where the numbers of a spec stand."""
    if isinstance(value, float):
        yield path
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from floats_of(one, (*path, name))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from floats_of(one, (*path, number))


def with_number(value, path, number):
    """The same with another number there."""
    if not path:
        return number
    first, *rest = path
    if isinstance(value, dict):
        return {**value, first: with_number(value[first], rest, number)}
    return [with_number(one, rest, number) if at == first else one for at, one in enumerate(value)]


def places(part: BaseModel):
    return [pytest.param(part, path, id=".".join(map(str, path))) for path in floats_of(part.model_dump())]


@pytest.mark.parametrize("number", [inf, -inf, nan], ids=str)
@pytest.mark.parametrize(("part", "path"), [*places(SPEC), *places(SOURCE), *places(policy_of(SPEC.policy))])
def test_a_number_that_is_not_finite_is_refused_with_the_name_of_its_field(part, path, number):
    with pytest.raises(ValidationError) as refused:
        type(part).model_validate(with_number(part.model_dump(), path, number))
    told = str(refused.value)
    assert all(str(name) in told for name in path)
    assert "finite" in told


def test_what_is_published_of_a_spec_is_the_spec():
    for part in (SPEC, SOURCE):
        assert type(part).model_validate_json(part.model_dump_json()) == type(part).model_validate(
            json.loads(part.model_dump_json())
        )


def test_a_policy_is_a_part_like_the_others():
    assert isinstance(policy_of(SPEC.policy), Policy)


def holding_itself():
    found = {}
    found["a"] = [found]
    return found


def nested(levels):
    found = [1.0]
    for _ in range(levels):
        found = [found]
    return {"a": found}


@pytest.mark.parametrize("parameters", [holding_itself(), nested(100_000)], ids=["itself", "too many levels"])
def test_what_json_cannot_hold_is_refused_with_the_name_of_its_field(parameters):
    with pytest.raises(ValidationError, match=r"learner\.parameters\n.*JSON cannot hold it"):
        ModelSpec.model_validate({**SPEC.model_dump(), "learner": {"name": "mine", "parameters": parameters}})


def test_parameters_that_json_can_hold_may_be_nested():
    spec = ModelSpec.model_validate({**SPEC.model_dump(), "learner": {"name": "mine", "parameters": nested(100)}})
    assert ModelSpec.model_validate_json(spec.model_dump_json()) == spec
