"""What a spec changes is told field by field, and nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.spec_changes import FieldChange, changes

NAMES = ("speed", "rate", "town")
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "features": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["number", "category"]), min_size=1),
        "segments": st.lists(st.sampled_from(["region", "shop"]), unique=True),
        "clock": st.sampled_from(["wall", "event"]),
        "label_delay": st.fixed_dictionaries({"expected_seconds": st.integers(0, 3).map(float)}),
    },
)


def spec_of(parts):
    kinds = parts.get("features", {"speed": "number"})
    return ModelSpec.model_validate(
        {
            "model_id": "plant", "task": "regression", "target": {"y": {"kind": "number"}}, **parts,
            "features": {name: {"kind": kind} for name, kind in kinds.items()},
        }
    )  # fmt: skip


def at(dumped, path):
    for name in path.split("."):
        dumped = None if dumped is None else dumped.get(name)
    return dumped


@given(one=PARTS, other=PARTS)
def test_each_change_is_one_and_with_all_of_them_a_spec_is_the_other(one, other):
    before, after = spec_of(one), spec_of(other)
    told = changes(before, after)
    assert bool(told) == (before != after)
    first, second = before.model_dump(mode="json"), after.model_dump(mode="json")
    for change in told:
        assert (at(first, change.field), at(second, change.field)) == (change.before, change.after)
        where, _, name = change.field.rpartition(".")
        inside = at(first, where) if where else first
        inside[name] = change.after
        if change.after is None and name not in (at(second, where) if where else second):
            del inside[name]
    assert first == second


def test_a_long_value_is_cut_off():
    line = FieldChange("segments", None, ["x" * 200]).line()
    assert len(line) < 80
    assert line.endswith("…")


@given(same=st.integers(0, 300), more=st.integers(0, 300))
def test_of_two_long_values_that_differ_the_difference_is_shown(same, more):
    before, after = (["x" * same + end + "y" * more] for end in ("1", "2"))
    line = FieldChange("segments", before, after).line()
    first, second = line.removeprefix("segments: ").split(" → ")
    assert max(len(first), len(second)) <= 60
    assert "1" in first
    assert "2" in second
