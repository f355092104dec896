"""The parts of a model's state: one writer each, flat entries, and a life of versions that is a whole table."""

import ast
import json
from pathlib import Path
from typing import get_args

import pytest
from tests.unit.retrain_coordinator.golden_states import read_snapshots

import retrain_coordinator
from driftloop.contracts import topics
from driftloop.contracts.model_events import ModelEventType
from driftloop.testing.records import FakeRecord
from retrain_coordinator.core.commands import ANSWERS
from retrain_coordinator.core.decoding import CONTRACTS
from retrain_coordinator.core.handlers import HANDLERS
from retrain_coordinator.core.processor import Coordinator
from retrain_coordinator.core.state import LAYOUT, PARTS, ModelState, read_entry
from retrain_coordinator.core.state.entries import Status
from retrain_coordinator.core.state.life import GONE, TRANSITIONS, UNKNOWN, Event, Refusal, next_status, refusal

CORE = Path(retrain_coordinator.__file__).parent / "core"
FIELDS = {field for part in PARTS for field in part.model_fields}
CHANGES = {"append", "pop", "clear", "setdefault", "update", "extend", "remove", "insert", "popitem"}


def written(tree: ast.AST) -> list[tuple[str, int]]:
    """Fields of a state that the code assigns to, deletes from, or changes by a method of theirs."""
    found = []
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign():
                targets = node.targets
            case ast.AugAssign() | ast.AnnAssign():
                targets = [node.target]
            case ast.Delete():
                targets = node.targets
            case ast.Call(func=ast.Attribute(attr=name, value=value)) if name in CHANGES:
                targets = [value]
        flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
        found += [(name, node.lineno) for name in map(field_of, flat) if name is not None]
    return found


def field_of(node: ast.expr) -> str | None:
    """The field in `state.field`, `step.state.field[…]` and the like."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in FIELDS:
            owner = node.value
            if (isinstance(owner, ast.Name) and owner.id == "state") or getattr(owner, "attr", "") == "state":
                return node.attr
        node = node.value
    return None


def test_only_the_parts_write_their_fields():
    for path in sorted(CORE.rglob("*.py")):
        if path.parent.name != "state":
            assert written(ast.parse(path.read_text())) == [], f"{path}: call a method of the part that owns the field"


def test_the_search_for_writers_finds_them():
    lines = ("step.state.run = None", "state.versions[v].status = 'x'", "del state.waiting[1]", "state.told.pop(1)")
    text = "\n".join((*lines, "run = state.run"))
    assert [name for name, _ in written(ast.parse(text))] == ["run", "versions", "waiting", "told"]


def test_every_field_belongs_to_one_part():
    assert sum(len(part.model_fields) for part in PARTS) == len(FIELDS)
    assert {*ModelState.model_fields} == {*FIELDS, "model_id", "layout"}


def test_an_entry_in_which_everything_is_there_is_taken_up_whole():
    full = json.loads(read_snapshots(1)["full"])
    assert {*full} >= {*ModelState.model_fields} - {"layout"}
    assert json.loads(read_entry(json.dumps(full).encode()).to_json()) == full


def test_an_entry_that_a_later_release_wrote_in_another_layout_is_refused():
    later = json.dumps({"model_id": "m", "layout": LAYOUT + 1}).encode()
    with pytest.raises(ValueError, match="a later release wrote it"):
        Coordinator().restore(0, [("m", later)])


def test_the_table_of_a_versions_life_is_whole():
    assert {*TRANSITIONS} == {UNKNOWN, *get_args(Status)}
    for moves in TRANSITIONS.values():
        assert {*moves} == {*get_args(Event)}
        assert all(isinstance(to, Refusal) or to in (GONE, *get_args(Status)) for to in moves.values())
    assert {*get_args(Event)} - {*get_args(ModelEventType)} == {"relieved"}


@pytest.mark.parametrize("status", [None, *get_args(Status)])
@pytest.mark.parametrize("event", get_args(Event))
def test_an_event_gives_a_status_or_says_why_it_cannot_happen(status, event):
    why = refusal("1.0.7", status, event)
    if why is None:
        assert next_status("1.0.7", status, event) in (None, *get_args(Status))
        return
    assert "1.0.7" in why
    assert "{" not in why
    with pytest.raises(ValueError, match="version 1"):
        next_status("1.0.7", status, event)


def test_every_message_and_every_command_has_a_handler():
    assert {*HANDLERS} == {*CONTRACTS.values()}
    command = CONTRACTS[topics.MODEL_COMMANDS].model_fields["command"].annotation
    assert {*ANSWERS} == {*get_args(command)}


def test_a_roll_back_to_a_challenger_ends_its_challenge_and_does_not_reject_it(story):
    told = story().first_version()
    told.command("retrain")
    told.result()
    assert list(told.state.challenges) == ["1.0.1"]
    told.command("roll_back", version="1.0.1")
    assert told.champion == "1.0.1"
    assert told.state.versions["1.0.1"].status == "champion"
    assert [(one.event, one.version) for one in told.events[-2:]] == [("rolled_back", "1.0.1"), ("archived", "1.0.0")]


def test_a_spec_that_cannot_be_read_is_told_to_the_loop_and_the_one_before_holds(story):
    told = story().first_version()
    (kept,) = told.core.take_table(topics.MODEL_SPECS, [FakeRecord(topics.MODEL_SPECS, key="m", value="{")])
    assert kept.reason == "unreadable"
    told.command("retrain")
    assert told.requests
