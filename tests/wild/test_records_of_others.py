"""Records of other people's topics that are valid and odd: each becomes what it says, or is refused with a sentence."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from driftloop.processor import Effects
from driftloop.spec.model_source import ModelSource
from driftloop.testing.clock import START
from driftloop.testing.records import START_MS, FakeRecord
from outcome_ingestion.core.translate.pairing import Pair
from outcome_ingestion.core.translate.translating import Translate
from outcome_ingestion.metrics import TranslateMetrics

AT = "2026-03-02T08:15:00Z"
PATHS = {"prediction_id": "id", "features": "x", "prediction": "said", "predicted_at": "at"}
ROW: dict[str, Any] = {"id": "p-1", "x": {"a": 1.5}, "said": 1, "at": AT}
WHOLE = {
    "server": "open-inference", "feature_names": ["a", "b"],
    "paths": {"request": "req", "response": "res", "prediction_id": "id", "predicted_at": "at"},
}  # fmt: skip
ROWS = {"rows": "items", "features": "row.x", "prediction": "row.said", "predicted_at": "at"}


def source(**keys: Any) -> ModelSource:
    return ModelSource.model_validate({"name": "log", "model_id": "m", "topics": ["t"], "version": "1.0.0", **keys})


def translated(declared: ModelSource, *documents: Any) -> Effects:
    values = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in documents]
    records = [FakeRecord("t", value=value, at_offset=n, at_ms=START_MS) for n, value in enumerate(values)]
    effects = Translate(declared).process(records, START)
    if not declared.in_halves:
        return effects
    halves = [
        FakeRecord(one.topic, key=one.key, value=one.value, at_offset=n, at_ms=START_MS)
        for n, one in enumerate(effects.outgoing)
    ]
    joined = Pair().process(halves, START)
    return Effects(joined.outgoing, dead_letters=(*effects.dead_letters, *joined.dead_letters), ignored=joined.ignored)


def rows(effects: Effects) -> list[dict[str, Any]]:
    return [json.loads(one.value) for one in effects.outgoing]


def refused(effects: Effects) -> str:
    (letter,) = effects.dead_letters
    assert not effects.outgoing
    return f"{letter.error_class}: {letter.message}"


def tensor(name: str, data: list[Any], shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": shape, "data": data}


def exchange(request: Any, response: Any) -> dict[str, Any]:
    return {"id": "p", "at": AT, "req": request, "res": response}


ANSWER = {"predictions": [1]}


@pytest.mark.wild(
    area="sources",
    given="two values for one feature in a record: two wide tensors, a column twice, `a.b` beside `a: {b: …}`",
    right="it is refused with the name; neither value is taken",
)
@pytest.mark.parametrize(
    ("declared", "document"),
    [
        (WHOLE, exchange({"inputs": [tensor("x", [1, 2], [1, 2]), tensor("y", [3, 4], [1, 2])]}, ANSWER)),
        (WHOLE, exchange({"inputs": [tensor("a", [1], [1]), tensor("a", [3], [1])]}, ANSWER)),
        (WHOLE, exchange({"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, ANSWER)),
        (WHOLE, exchange({"instances": [{"a": {"b": 1}, "a.b": 2}]}, ANSWER)),
        (WHOLE | {"feature_names": ["a", "a"]}, exchange({"instances": [[1, 2]]}, ANSWER)),
        ({"paths": PATHS}, ROW | {"x": {"a": {"b": 1}, "a.b": 2}}),
        ({"paths": PATHS | {"features": {"a": "x", "a.b": "id"}}}, ROW | {"x": {"b": 1}}),
    ],
    ids=["two wide tensors", "tensor twice", "column twice", "nested", "names", "paths to one", "paths to each"],
)
def test_two_values_for_one_feature_are_refused(declared: dict[str, Any], document: Any) -> None:
    assert "NameTwice" in refused(translated(source(**declared), document))


@pytest.mark.wild(
    area="sources",
    given="one value for a feature that stands twice, as a join of tables writes a column",
    right="taken: nothing is lost",
)
@pytest.mark.parametrize(
    "asked",
    [
        {"dataframe_split": {"columns": ["a", "a", "b"], "data": [[1, 1, 2], [3, 3, 4]]}},
        {"inputs": [tensor("x", [1, 2, 3, 4], [2, 2]), tensor("a", [1, 3], [2])]},
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]},
    ],
    ids=["column", "tensor", "once"],
)
def test_the_same_value_twice_is_one(asked: Any) -> None:
    found = rows(translated(source(**WHOLE), exchange(asked, {"predictions": [1, 0]})))
    assert [row["features"] for row in found] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


@pytest.mark.wild(
    area="sources",
    given="`classes` are declared, and the answer is one probability, an index or nothing at all",
    right="it is refused, since none of them is a class; a class in another spelling is taken, and a text that is new",
)
@pytest.mark.parametrize(
    ("classes", "answer", "right"),
    [
        (["no", "yes"], [[0.93]], "NoClass"),
        (["no", "yes"], [1], "NoClass"),
        (["no", "yes"], [[]], "WrongShape"),
        ([], [[]], "WrongShape"),
        (["no", "yes"], ["yes"], "yes"),
        (["no", "yes"], ["perhaps"], "perhaps"),
        (["0", "1"], [1.0], 1),
        (["no", "yes"], [[0.1, 0.9]], "yes"),
    ],
    ids=["probability", "index", "nothing", "nothing, no classes", "class", "new", "spelling", "one a class"],
)
def test_a_lone_number_is_no_class(classes: list[str], answer: list[Any], right: Any) -> None:
    effects = translated(source(**WHOLE, classes=classes), exchange({"instances": [[1, 2]]}, {"predictions": answer}))
    if right in ("NoClass", "WrongShape"):
        assert right in refused(effects)
    else:
        assert [row["prediction"] for row in rows(effects)] == [right]


@pytest.mark.wild(
    area="sources",
    given="a path to the id with the letters `row` in a name (`browser_id`, `cart.row_id`), and several rows",
    right="each row has an id of its own, as with any other path of the document",
)
@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("browser_id", ["b-0", "b-1"]),
        ("throw.id", ["t-0", "t-1"]),
        ("throw.row", ["r-0", "r-1"]),
        ("row.id", ["1", "2"]),
        ("@.row.id", ["1", "2"]),
        ("join('/', [browser_id, row.id])", ["b/1", "b/2"]),
    ],
)
def test_a_path_is_of_a_row_if_it_reads_the_row(path: str, right: list[str]) -> None:
    items = [{"id": "1", "x": {"a": 1}, "said": 1}, {"id": "2", "x": {"a": 2}, "said": 0}]
    document = {"browser_id": "b", "throw": {"id": "t", "row": "r"}, "at": AT, "items": items}
    effects = translated(source(paths=ROWS | {"prediction_id": path}), document)
    assert [row["prediction_id"] for row in rows(effects)] == right


@pytest.mark.wild(
    area="sources",
    given="times that count in another unit than declared, that nobody set (0, the year 1), or in a text of digits",
    right="the first two are refused with the year that they would be; digits are their number, and refused "
    "if they read as a date with its time (`20260601080000`)",
)
@pytest.mark.parametrize(
    ("at", "unit", "right"),
    [
        (1_780_300_800, "ms", "the year 1970"),
        (1_780_300_800_123, "ns", "the year 1970"),
        (1_780_300_800_123, "s", "no time in s"),
        (0, "ms", "the year 1970"),
        ("0001-01-01T00:00:00Z", "ms", "the year 1"),
        ("1780300800", "s", "2026-06-01T08:00:00Z"),
        ("1780300800000", "ms", "2026-06-01T08:00:00Z"),
        ("1701012312345", "ms", "2023-11-26T15:25:12.345000Z"),
        ("20260601080000", "ms", "is no time: '20260601080000'"),
        ("202606010800", "s", "is no time: '202606010800'"),
        ("9999-12-31T23:59:59-05:00", "ms", "is no time"),
        (1_780_300_800, "s", "2026-06-01T08:00:00Z"),
    ],
)
def test_times_in_another_unit_are_no_times_of_1970(at: Any, unit: str, right: str) -> None:
    effects = translated(source(paths=PATHS, time_unit=unit), ROW | {"at": at})
    if right.startswith("20"):
        assert [row["predicted_at"] for row in rows(effects)] == [right]
    else:
        assert right in refused(effects)


@pytest.mark.wild(
    area="sources",
    given="an integer id of 19 digits, as snowflakes are; a label that is NaN",
    right="the id is its digits; NaN is no label yet, as null is",
)
def test_ids_keep_their_digits_and_nan_is_no_label() -> None:
    labels = source(gives="labels", paths={"prediction_id": "id", "label": "y"})
    effects = translated(labels, {"id": 1234567890123456789, "y": 1}, b'{"id": 7, "y": NaN}')
    assert [row["prediction_id"] for row in rows(effects)] == ["1234567890123456789"]
    assert effects.ignored == {"no_label_yet": 1}


@pytest.mark.wild(
    area="sources",
    given="labels of several rows in a record, one of which has none yet (null or NaN)",
    right="that row is passed over and counted; the rows behind it are taken",
)
@pytest.mark.parametrize("nothing", ["null", "NaN"])
def test_a_row_without_a_label_takes_no_other_with_it(nothing: str) -> None:
    labels = source(gives="labels", paths={"rows": "items", "prediction_id": "row.id", "label": "row.y"})
    items = (
        f'[{{"id": "a", "y": 1}}, {{"id": "b", "y": {nothing}}}, {{"id": "c", "y": 0}}, {{"id": "d", "y": {nothing}}}]'
    )
    effects = translated(labels, f'{{"items": {items}}}'.encode())
    assert [row["prediction_id"] for row in rows(effects)] == ["a", "c"]
    assert (effects.ignored, effects.dead_letters) == ({"no_label_yet": 2}, ())


@pytest.mark.wild(
    area="sources",
    given="a request without rows",
    right="nothing comes of it, and it is counted (`no_rows`)",
)
@pytest.mark.parametrize(
    ("declared", "documents"),
    [
        (WHOLE, [exchange({"inputs": [tensor("x", [], [0, 2])]}, {"outputs": [tensor("y", [], [0])]})]),
        (WHOLE, [exchange({"instances": []}, {"predictions": []})]),
        ({"paths": ROWS | {"prediction_id": "row.id"}}, [{"at": AT, "items": []}]),
        ({"server": "mlserver"}, [{"id": "1", "instances": []}, {"id": "1", "predictions": []}]),
    ],
    ids=["tensors", "instances", "rows", "halves"],
)
def test_no_rows_are_counted(declared: dict[str, Any], documents: list[Any]) -> None:
    effects = translated(source(**declared), *documents)
    assert (effects.outgoing, effects.dead_letters, effects.ignored) == ((), (), {"no_rows": 1})


HALVES = source(
    server="mlserver",
    paths={"prediction_id": "parameters.tx", "weight": "parameters.w", "confidence": "parameters.c",
           "segment": {"region": "parameters.r", "tier": "parameters.t"}},
)  # fmt: skip


def request(**parameters: Any) -> dict[str, Any]:
    return {"id": "1", "inputs": [tensor("a", [1], [1])], "parameters": parameters}


def response(**parameters: Any) -> dict[str, Any]:
    return {"id": "1", "outputs": [tensor("y", [1], [1])], "parameters": parameters}


@pytest.mark.wild(
    area="sources",
    given="request and response as two records: the id by a path, weight and confidence of 0, a segment key in each",
    right="the row has the id of the path, the zeros and both keys",
)
@pytest.mark.parametrize("turned", [False, True], ids=["request first", "response first"])
def test_both_halves_give_what_they_say(turned: bool) -> None:
    halves = [request(tx="T9", w=0.0, r="eu"), response(c=0.0, t="gold")]
    (row,) = rows(translated(HALVES, *(halves[::-1] if turned else halves)))
    assert (row["prediction_id"], row["weight"], row["confidence"]) == ("T9", 0, 0)
    assert row["segment"] == {"region": "eu", "tier": "gold"}


def test_an_empty_text_in_a_half_is_nothing() -> None:
    declared = source(server="mlserver", paths={"model_version": "parameters.v"})
    (row,) = rows(translated(declared, request(v=""), response(v="") | {"model_version": "4.0.0"}))
    assert row["model_version"] == "4.0.0"


def test_an_id_that_neither_half_has_is_said_and_the_request_id_is_not_taken_for_it() -> None:
    assert "neither in the request nor in its response" in refused(translated(HALVES, request(), response()))


@pytest.mark.wild(
    area="sources",
    given="a topic that several models share, as KServe's logger writes it",
    right="`where` says which records are of this source; the others are counted, and are no loss",
)
def test_records_of_other_models_are_left_to_others() -> None:
    core = Translate(source(paths=PATHS, where="model == 'ours'"))
    records = [FakeRecord("t", value=json.dumps(ROW | {"model": name}).encode()) for name in ("ours", "theirs", None)]
    effects = core.process(records, START)
    assert (len(effects.outgoing), effects.dead_letters, effects.ignored) == (1, (), {})
    registry = CollectorRegistry()
    registry.register(TranslateMetrics(core, None))
    assert 'driftloop_translate_others_records_total{source="log"} 2.0' in generate_latest(registry).decode()
    assert "true or false is needed" in refused(translated(source(paths=PATHS, where="id"), ROW))


@pytest.mark.wild(
    area="sources",
    given="a row of a table that is inserted and updated within one millisecond, with Debezium's finer times",
    right="the update is the newer one",
)
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_the_finest_time_of_a_change_counts(unit: str) -> None:
    labels = source(gives="labels", envelope="debezium", paths={"prediction_id": "after.id", "label": "after.y"})
    ms = 1_780_300_800_123
    finer = {"us": 1_000, "ns": 1_000_000}[unit]
    changes = [
        {"op": op, "after": {"id": "p", "y": y}, "source": {"ts_ms": ms, f"ts_{unit}": ms * finer + y * finer // 10}}
        for op, y in (("c", 1), ("u", 2))
    ]
    told = [row["labelled_at"] for row in rows(translated(labels, *changes))]
    assert (told, len(told)) == (sorted(set(told)), 2)


NAMES = st.sampled_from(["a", "b", "a.b", "b.a"])
FEATURES = st.recursive(
    st.floats(-9, 9), lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3), max_leaves=5
).filter(lambda one: isinstance(one, dict))


def leaves(features: Any, name: str = "") -> set[tuple[str, float]]:
    """The values with their names."""
    if not isinstance(features, dict):
        return {(name[1:], features)}
    return {leaf for key, inner in features.items() for leaf in leaves(inner, f"{name}.{key}")}


@given(FEATURES)
@settings(max_examples=100, deadline=None)
def test_no_feature_is_lost(features: dict[str, Any]) -> None:
    """All values come out that went in, or the record is refused."""
    effects = translated(source(paths=PATHS), ROW | {"x": features})
    assert effects.dead_letters or set(rows(effects)[0]["features"].items()) == leaves(features)


@pytest.mark.parametrize(
    ("keys", "unread"),
    [
        ({"server": "kserve", "ids": "position", "paths": {"features": "x"}}, ("paths.features", "ids")),
        ({"paths": PATHS, "classes": ["a"], "output": "y"}, ("classes", "output")),
        (
            {"gives": "labels", "paths": {"prediction_id": "id", "label": "y", "segment": {"a": "b"}}},
            ("paths.segment",),
        ),
        ({"paths": PATHS}, ()),
    ],
    ids=["server", "paths", "labels", "all"],
)
def test_keys_that_change_nothing_are_known(keys: dict[str, Any], unread: tuple[str, ...]) -> None:
    assert source(**keys).unread == unread
