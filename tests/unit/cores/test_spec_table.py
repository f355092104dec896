"""The table of specs, the reading of records, and effects gathered."""

import json
from datetime import timedelta

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS
from driftloop.cores.decode_each import decode_messages
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.spec_table import VERSIONS_KEPT, SpecTable
from driftloop.processor import Effects
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord

SPEC = {"model_id": "plant", "task": "binary", "features": {"x": {}}, "target": {"y": {}}}


def row(version: int, model: str = "plant", **more) -> FakeRecord:
    message = {
        "message_id": str(derive_id("spec", version)),
        "model_id": model,
        "occurred_at": START.isoformat(),
        "spec_version": version,
        "spec": {**SPEC, "model_id": model, **more},
    }
    return FakeRecord(MODEL_SPECS, key=model, value=json.dumps(message))


TOMBSTONE = FakeRecord(MODEL_SPECS, key="plant")
UNREADABLE = FakeRecord(MODEL_SPECS, key="plant", value=b'{"spec_version": 7}')


def test_a_tombstone_forgets_the_model_and_a_new_spec_begins_anew():
    table = SpecTable()
    assert table.take([row(3), UNREADABLE, TOMBSTONE, row(1)])[0].reason == "unreadable"
    assert table.newest("plant").spec_version == 1
    assert not table.seen("plant", 2)
    assert table.refused == {}


def test_an_unreadable_row_counts_as_seen_so_that_nobody_waits_for_it():
    table = SpecTable()
    table.take([row(1), UNREADABLE])
    assert table.seen("plant", 7)
    assert table.get("plant", 7) is None
    assert table.nearest("plant", 7) == table.newest("plant").spec
    assert "plant" in table.refused
    table.take([row(8)])
    assert table.refused == {}


def test_a_spec_that_the_service_cannot_use_is_kept_out_with_its_reason():
    def check(published: ModelSpecPublished) -> None:
        if published.spec_version == 2:
            raise ValueError("no test is called zeta")

    table = SpecTable(check)
    (told,) = table.take([row(1), row(2)])
    assert (told.reason, told.sentence) == ("unusable", "the spec of plant is kept out: no test is called zeta")
    assert table.newest("plant").spec_version == 1


def test_a_row_under_another_key_is_kept_out():
    table = SpecTable()
    (told,) = table.take([FakeRecord(MODEL_SPECS, key="other", value=row(1).value())])
    assert "is not its model_id" in told.sentence
    assert table.models() == ()


def test_a_field_of_the_next_release_is_left_out_of_the_spec_and_named():
    table = SpecTable()
    (told,) = table.take([row(1, calendar="banking", detection={"power": 0.9})])
    assert told.reason == "unknown_fields"
    assert "spec.calendar" in told.sentence
    assert "spec.detection.power" in told.sentence
    assert table.newest("plant").spec == ModelSpec.model_validate(SPEC)


def test_a_person_who_applies_an_unknown_field_is_refused():
    with pytest.raises(pydantic.ValidationError, match="calendar"):
        ModelSpec.model_validate({**SPEC, "calendar": "banking"})


ROWS = st.sampled_from(
    [
        TOMBSTONE,
        UNREADABLE,
        FakeRecord(MODEL_SPECS, key=b"\xff", value=b"\xff"),
        FakeRecord(MODEL_SPECS, value=b"null"),
        *(row(version) for version in range(1, 14)),
        *(row(version, extra=1) for version in (2, 20)),
    ]
)


@given(st.lists(ROWS, max_size=40))
def test_whatever_rows_come_the_newest_good_one_since_the_last_tombstone_holds(rows):
    table = SpecTable()
    for one in rows:
        table.take([one])
    since = rows[max((at + 1 for at, one in enumerate(rows) if one is TOMBSTONE), default=0) :]
    good = [json.loads(one.value())["spec_version"] for one in since if one.key() == b"plant" and one is not UNREADABLE]
    newest = table.newest("plant")
    assert (newest.spec_version if newest else None) == max(good, default=None)
    assert sum(table.get("plant", version) is not None for version in range(1, 21)) <= VERSIONS_KEPT
    together = SpecTable()
    together.take(rows)
    assert together.newest("plant") == newest


def test_messages_are_read_one_by_one_and_unknown_fields_are_counted():
    command = ModelCommand(
        message_id=derive_id("c", 1), model_id="plant", occurred_at=START, command="freeze", reason="r",
        requested_by="ann",
    )  # fmt: skip
    newer = json.dumps({**json.loads(command.to_json()), "ticket": "A-1"})
    values = [command.to_json(), b"{", newer, None]
    found = decode_messages([FakeRecord(MODEL_COMMANDS, key="plant", value=value) for value in values], ModelCommand)
    assert [message for _, message in found.messages] == [command, command]
    assert len(found.dead) == 2
    assert found.unknown_fields == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=12))
def test_gathered_effects_are_their_sum(parts):
    built, total = EffectsBuilder(), Effects()
    for kind, number in parts:
        one = (
            Effects(ignored={f"why {number % 2}": number}),
            Effects(wake_at=START + timedelta(seconds=number)),
            Effects(unknown_fields=number),
            Effects(),
        )[kind]
        built.add(one)
        total += one
    assert built.effects() == total
