"""The fold of the log: the same view whatever the order of topics, the repeats and the rubbish."""

import json
import random
import typing
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.contracts import topics
from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus, LossBlock
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_progress import TrainingProgress
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingResult
from driftloop.testing.records import FakeRecord
from operations_console.core.telling import Glances
from operations_console.core.view import heads
from operations_console.core.view.fleet import FleetView
from operations_console.core.view.kept import Kept

from .conftest import START, Story, decision, event, scores, story

RUBBISH = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"model_id": 7}',
    b"\xff\xfe",
    b'{"message_id": "x", "model_id": "m"}',
    b"1" * 99,
    event("plant", 9, "frozen", "1.0.0").to_json().replace(b'"plant"', b'"../<script>"'),
]


def queues(messages: Story) -> dict[str, list[FakeRecord]]:
    """The records of each topic, in its order."""
    found: dict[str, list[FakeRecord]] = {}
    for topic, message in messages:
        key = f"{message.model_id}/{message.segment}" if isinstance(message, DriftStatus) else message.model_id
        line = found.setdefault(topic, [])
        line.append(FakeRecord(topic, key=key, value=message.to_json(), at_offset=len(line)))
    return found


def folded(records: list[FakeRecord]) -> FleetView:
    view = FleetView()
    for record in records:
        view.take(record)
    return view


def seen(view: FleetView) -> Any:
    """All that can be asked of a view, as plain data."""
    fleet = Glances().fleet(view, view.models.values(), whole=True, limit=99)
    parts = {}
    for name, model in view.models.items():
        kept = {one: [e.raw for e in getattr(model, one)] for one in ("signals", "decisions", "events", "commands")}
        plain = [f.name for f in fields(model) if f.name not in {*kept, "changes", "_followed", "means"}]
        parts[name] = kept | {one: getattr(model, one) for one in plain if one != "runs"}
        parts[name]["runs"] = {run_id: asdict(run) for run_id, run in model.runs.items()}
    return fleet, parts


def shuffled(lines: dict[str, list[FakeRecord]], choose: random.Random) -> list[FakeRecord]:
    """The records in some order that keeps each topic's own; some are delivered again, and some sent again."""
    left = {topic: list(line) for topic, line in lines.items()}
    found: list[FakeRecord] = []
    while left:
        topic = choose.choice(sorted(left))
        found.append(left[topic].pop(0))
        if choose.random() < 0.2:
            found.append(choose.choice(found))
        if not left[topic]:
            del left[topic]
    return found


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_any_order_of_topics_gives_the_same_view(seed: int):
    lines = queues(story() + story("churn"))
    straight = folded([record for line in lines.values() for record in line])
    assert seen(folded(shuffled(lines, random.Random(seed)))) == seen(straight)


@settings(max_examples=40)
@given(st.integers(0, 10**9), st.lists(st.sampled_from(RUBBISH) | st.binary(max_size=40), max_size=20))
def test_rubbish_is_counted_and_passed_over(seed: int, rubbish: list[bytes]):
    messages = story()
    lines = queues(messages)
    clean = folded([record for line in lines.values() for record in line])
    choose, mixed = random.Random(seed), []
    offsets = dict.fromkeys(lines, 0)
    pieces: list[tuple[str, bytes, Any]] = [(t, r.value() or b"", r.key()) for t, line in lines.items() for r in line]
    for piece in rubbish:
        pieces.insert(choose.randint(0, len(pieces)), (choose.choice(sorted(lines)), piece, b"plant"))
    for topic, value, key in pieces:
        mixed.append(FakeRecord(topic, key=key, value=value, at_offset=offsets[topic]))
        offsets[topic] += 1
    view = folded(mixed)
    assert seen(view)[0] == seen(clean)[0]
    assert sum(view.unreadable.values()) == len(rubbish)


@settings(max_examples=30)
@given(st.integers(0, 10**9), st.integers(1, 60))
def test_folded_on_is_folded_from_nothing(seed: int, cut: int):
    records = shuffled(queues(story()), random.Random(seed))
    view = folded(records[:cut])
    seen(view)
    for record in records[max(0, cut - 5) :]:  # some are delivered again at the handover
        view.take(record)
    assert seen(view) == seen(folded(records))


def test_a_topic_that_is_sent_again_changes_nothing():
    lines = queues(story())
    once = folded([record for line in lines.values() for record in line])
    twice = FleetView()
    for topic, line in lines.items():
        if topic in (topics.DRIFT_STATUS, topics.MODEL_SPECS):  # compacted: the last one stands
            again = line
        else:
            again = line + [FakeRecord(topic, key=r.key(), value=r.value(), at_offset=len(line) + n)
                            for n, r in enumerate(line)]  # fmt: skip
        for record in again:
            twice.take(record)
    assert seen(twice) == seen(once)


def test_the_champion_is_the_last_on_the_log_whatever_the_clocks_say():
    early = event("plant", 1, "promoted", "1.0.1", previous_version="1.0.0")
    view = folded(
        queues([(topics.MODEL_EVENTS, event("plant", 9, "promoted", "1.0.0")), (topics.MODEL_EVENTS, early)])[
            topics.MODEL_EVENTS
        ]
    )
    model = view.models["plant"]
    assert (model.champion, model.versions["1.0.0"].status) == ("1.0.1", "archived")


def test_a_roll_back_returns_the_predecessor():
    told = [
        event("plant", 1, "promoted", "1.0.0"),
        event("plant", 2, "promoted", "1.0.1", previous_version="1.0.0"),
        event("plant", 3, "rolled_back", "1.0.0", previous_version="1.0.1"),
    ]
    model = folded(queues([(topics.MODEL_EVENTS, one) for one in told])[topics.MODEL_EVENTS]).models["plant"]
    assert {name: one.status for name, one in model.versions.items()} == {"1.0.0": "champion", "1.0.1": "archived"}


def test_a_tombstone_ends_a_segment():
    lines = queues(story())
    view = folded([record for line in lines.values() for record in line])
    end = len(lines[topics.DRIFT_STATUS])
    view.take(FakeRecord(topics.DRIFT_STATUS, key="plant/site=a", value=None, at_offset=end))
    assert set(view.models["plant"].statuses) == {""}


def test_what_waits_is_over_once_it_is_decided():
    promoted = (topics.RETRAIN_DECISIONS, decision("plant", 40, "promote", "approval", "approved", candidate="1.0.1"))
    view = folded([record for line in queues([*story(), promoted]).values() for record in line])
    assert Glances().of(view.models["plant"])[1].waits == []


def test_a_run_that_waits_for_approval_is_said():
    failed = [{"name": "approval", "passed": False, "detail": "a person has to approve"}]
    told = decision("plant", 40, "refuse", "payoff", "waits for approval", safeguards=failed)
    view = folded([record for line in queues([(topics.RETRAIN_DECISIONS, told)]).values() for record in line])
    assert [one.kind for one in Glances().of(view.models["plant"])[1].waits] == ["run"]


@given(st.permutations(range(12)), st.lists(st.integers(0, 11), max_size=12))
def test_the_newest_are_kept_in_whatever_order_they_come(order: list[int], again: list[int]):
    def head(number: int) -> heads.CommandHead:
        return heads.CommandHead(
            message_id=str(number), model_id="m", occurred_at=START + timedelta(seconds=number // 2), command="freeze",
            reason="r", requested_by="a",
        )  # fmt: skip

    kept: Kept[heads.CommandHead] = Kept(4)
    for number in [*order, *again]:
        kept.add(head(number), b"", number)
    assert [entry.head.message_id for entry in kept] == ["8", "9", "10", "11"]


@pytest.mark.parametrize(
    ("head", "contract"),
    [
        (heads.SignalHead, DriftSignal), (heads.DecisionHead, RetrainDecision), (heads.EventHead, ModelEvent),
        (heads.CommandHead, ModelCommand), (heads.RequestHead, TrainingRequest), (heads.ProgressHead, TrainingProgress),
        (heads.ResultHead, TrainingResult), (heads.StatusHead, DriftStatus), (heads.SpecHead, ModelSpecPublished),
        (heads.ErasureHead, RowsErased),
        (heads.Block, LossBlock), (heads.ScoresHead, ChallengeScores), (heads.Cost, TrainingCost),
    ],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_heads_ask_for_nothing_that_the_contract_does_not_give(head: Any, contract: Any):
    required = {field.name for field in msgspec.structs.fields(head) if field.required}
    assert set(typing.get_type_hints(head)) <= set(contract.model_fields)
    assert {name for name in required if not contract.model_fields[name].is_required()} == set()


def test_a_challenge_is_summed_up_frame_by_frame_each_once():
    told = [(topics.CHALLENGE_SCORES, scores("plant", number)) for number in (1, 2, 1, 3)]
    paired = folded(queues(told)[topics.CHALLENGE_SCORES]).models["plant"].paired["1.0.1"]
    assert (paired.rows, round(paired.gain, 6), round(paired.error, 6)) == (6, 0.2, round((0.01 / 5) ** 0.5, 6))


def test_a_new_champion_begins_a_challenge_anew():
    told = [scores("plant", 1), scores("plant", 2, champion="1.0.2")]
    line = queues([(topics.CHALLENGE_SCORES, one) for one in told])[topics.CHALLENGE_SCORES]
    paired = folded(line).models["plant"].paired["1.0.1"]
    assert (paired.champion, paired.rows) == ("1.0.2", 2)


def test_figures_that_are_no_numbers_are_none():
    told = json.loads(story()[3][1].to_json()) | {"metrics": {"loss": None}}
    record = FakeRecord(topics.DRIFT_STATUS, key="plant/", value=json.dumps(told).encode())
    assert folded([record]).models["plant"].whole is not None


def test_a_repeat_of_an_event_is_followed_once():
    again = event("plant", 1, "promoted", "1.0.0")
    other = event("plant", 2, "promoted", "1.0.1", previous_version="1.0.0")
    line = queues([(topics.MODEL_EVENTS, one) for one in (again, other, again)])[topics.MODEL_EVENTS]
    assert folded(line).models["plant"].champion == "1.0.1"
    assert again.message_id == derive_id("event", "plant", 1)
