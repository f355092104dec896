"""Role translate: what its declaration does while it runs, and where its messages go."""

import json

import jmespath
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.foreign.bytes_of import JSON_ROW, PATHS, js
from tests.foreign.cases import CASES, rec
from tests.foreign.running import source_of

from driftloop.contracts.topics import MODEL_SOURCES, PREDICTION_OUTCOMES
from driftloop.errors import AwayError, UserError
from driftloop.registry.sources import source_message
from driftloop.spec.model_source import ModelSource
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from outcome_ingestion.app import build
from outcome_ingestion.core.translate.paths import Paths
from outcome_ingestion.core.translate.schemas import RegisteredSchema
from outcome_ingestion.core.translate.translating import Translate
from outcome_ingestion.metrics import TranslateMetrics
from outcome_ingestion.settings import Settings

SOURCE = ModelSource.model_validate({"name": "log", "model_id": "fraud", "topics": ["theirs"], "paths": PATHS})


def declared(source: ModelSource) -> FakeRecord:
    return FakeRecord(MODEL_SOURCES, key=source.name, value=source_message(source, START).to_json())


def test_a_message_is_keyed_by_its_prediction_and_says_no_more_than_the_record():
    (sent,) = Translate(SOURCE).process([rec(JSON_ROW)], START).outgoing
    assert (sent.topic, sent.key, sent.partition_by) == (PREDICTION_OUTCOMES, "p-7", None)
    assert json.loads(sent.value) == {
        "prediction_id": "p-7", "model_id": "fraud", "model_version": "1.0.0", "predicted_at": "2026-03-02T08:15:00Z",
        "features": {"amount": 12.5, "home.city": "Ulm"}, "prediction": 0.25, "segment": {}, "attributes": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "bounds", "said"),
    [
        (4, [1, 5], 0.75),
        ("4", [1, 5], 0.75),
        (1, [5, 1], 1.0),
        (0, [0, 1], 0.0),
        (True, [0, 1], 1.0),
        (-1, [-1, 1], 0.0),
    ],
)
def test_a_rating_is_from_0_to_1_whatever_the_source_counts_in(given, bounds, said):
    record = {**JSON_ROW, "stars": given}
    source = SOURCE.model_dump(exclude_unset=True) | {"paths": {**PATHS, "rating": "stars"}, "rating_range": bounds}
    (sent,) = Translate(ModelSource.model_validate(source)).process([rec(js(record))], START).outgoing
    assert json.loads(sent.value)["rating"] == said


@pytest.mark.parametrize("given", [6, 0.5, "good", "nan"])
def test_a_rating_out_of_range_is_buried_with_its_path(given):
    record = {**JSON_ROW, "stars": given}
    source = SOURCE.model_dump(exclude_unset=True) | {"paths": {**PATHS, "rating": "stars"}, "rating_range": [1, 5]}
    (letter,) = Translate(ModelSource.model_validate(source)).process([rec(js(record))], START).dead_letters
    assert letter.message == "the path 'stars' (rating) gives no number from 1 to 5"


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        ([1, 1], "rating_range is two different numbers"),
        ([0, float("inf")], r"rating_range\.1\n  Input should be a finite number"),
        ([float("nan"), 1], r"rating_range\.0\n  Input should be a finite number"),
    ],
    ids=["equal", "infinite", "not a number"],
)
def test_a_range_of_ratings_has_a_worst_and_a_best(bounds, why):
    with pytest.raises(ValueError, match=why):
        ModelSource.model_validate(SOURCE.model_dump(exclude_unset=True) | {"rating_range": bounds})


def test_a_changed_declaration_holds_from_the_next_record_on():
    core = Translate(SOURCE)
    core.take_table(MODEL_SOURCES, [declared(SOURCE.model_copy(update={"versions": {"1.0.0": "2.0.0"}}))])
    (sent,) = core.process([rec(JSON_ROW)], START).outgoing
    assert json.loads(sent.value)["model_version"] == "2.0.0"


def test_declarations_of_others_and_those_that_cannot_be_used_change_nothing():
    core = Translate(SOURCE)
    other = declared(SOURCE.model_copy(update={"name": "other", "topics": ("elsewhere",)}))
    broken = FakeRecord(MODEL_SOURCES, key="log", value=b'{"source": 1}')
    assert [kept.reason for kept in core.take_table(MODEL_SOURCES, [other, broken]) or ()] == ["unusable"]
    assert len(core.process([rec(JSON_ROW)], START).outgoing) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (FakeRecord(MODEL_SOURCES, key="log", value=None), "was withdrawn"),
        (declared(SOURCE.model_copy(update={"topics": ("others",)})), "has other topics now"),
    ],
)
def test_a_source_that_is_withdrawn_or_moved_ends_the_process_and_buries_nothing(row, words):
    core = Translate(SOURCE)
    core.take_table(MODEL_SOURCES, [row])
    with pytest.raises(UserError, match=words):
        core.process([rec(JSON_ROW)], START)
    core.take_table(MODEL_SOURCES, [declared(SOURCE)])
    assert len(core.process([rec(JSON_ROW)], START).outgoing) == 1


def test_of_several_rows_the_good_ones_go_on_and_the_first_bad_one_is_named():
    case = next(case for case in CASES if case.name == "JSON with several rows")
    core = Translate(source_of(case))
    items = [{"x": {"a": n}, "y": None if n in (1, 2) else n} for n in range(4)]
    effects = core.process([rec({"batch": "b", "items": items})], START)
    assert [message.key for message in effects.outgoing] == ["b-0", "b-3"]
    (letter,) = effects.dead_letters
    assert letter.message.startswith("row 1: the path 'row.y' (prediction)")


def test_a_schema_is_asked_for_once_and_one_that_may_still_come_again():
    asked: list[object] = []
    known: dict[object, RegisteredSchema] = {}

    def find(reference):
        asked.append(reference)
        return known.get(reference)

    core = Translate(SOURCE, find)
    framed = rec(b"\0\0\0\0\x08" + js(JSON_ROW))
    assert core.process([framed, framed], START).dead_letters[0].error_class == "UnknownSchema"
    known[asked[0]] = RegisteredSchema("json", "{}")
    assert len(core.process([framed, framed], START).outgoing) == 2
    assert len(asked) == 3


def test_a_registry_that_is_away_buries_nothing():
    def find(_):
        raise AwayError("the schema registry does not answer")

    with pytest.raises(UserError):
        Translate(SOURCE, find).process([rec(b"\0\0\0\0\x08{}")], START)


def test_metrics_show_records_messages_and_whether_the_registry_answers():
    core, registry = Translate(SOURCE), CollectorRegistry()
    client = type("Client", (), {"away": True})()
    registry.register(TranslateMetrics(core, client))
    core.process([rec(JSON_ROW), rec(b"x")], START)
    shown = generate_latest(registry).decode()
    for line in (
        'driftloop_translate_records_total{source="log"} 2.0',
        'driftloop_translated_messages_total{source="log",topic="prediction-outcomes"} 1.0',
        "driftloop_schema_registry_away 1.0",
    ):
        assert line in shown


def test_role_translate_without_a_source_says_what_it_needs():
    with pytest.raises(UserError, match="--source"):
        build(Settings(role="translate"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"paths": {"prediction_id": "id", "features": "f"}}, "need paths: prediction_id, features, prediction"),
        ({"paths": {**PATHS, "features": "a["}}, "no JMESPath expression"),
        ({"gives": "labels", "server": "kserve"}, "gives outcomes, no labels"),
        ({"paths": {**PATHS, "request": "a"}}, "go together"),
        ({"encoding": "protobuf", "descriptor": "AA=="}, "needs `message`"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(change, words):
    with pytest.raises(ValueError, match=words.replace("[", r"\[")):
        ModelSource.model_validate(SOURCE.model_dump() | change)


@pytest.mark.parametrize("path", ["a", "a.b", "a.b.c", "x", "a.x.y", "z.z"])
def test_a_path_of_names_gives_what_jmespath_gives(path):
    paths, scope = Paths(SOURCE), {"a": {"b": {"c": 0}, "x": [1]}, "z": "text"}
    assert paths.at(path, scope) == jmespath.search(path, scope)
