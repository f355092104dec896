"""Values of a series are the truth of its forecasts: in order or not, late, twice, corrected, over restarts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ingesting import START, spec_record
from tests.unit.outcome_ingestion.conftest import Bench, Maker, at, new_core

from drift_detection.core.processor import DriftDetection
from driftloop.codec.content_types import COLUMNS
from driftloop.codec.frames import encode_frame, holds_values
from driftloop.contracts.topics import MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.clients.partitioner import partition_of
from driftloop.processor import LogIdentity
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.archive.rows import PlacedFrame, archive_batch
from outcome_ingestion.core.rules import IngestRules

STEP, HORIZON, DAY = 30, 3, 86_400
LOAD = {
    "model_id": "load",
    "task": "forecast",
    "features": {"server": {"kind": "category"}, "past": {"kind": "series"}},
    "target": {"cpu": {"kind": "series"}},
    "forecast": {"horizon": HORIZON, "step_seconds": STEP, "entity": "server", "truth": "observations"},
    "clock": "event",
}


def bench_of(spec=LOAD, **rules):
    return Bench(new_core(IngestRules(**rules), [spec])), Maker()


def forecast(records, name, seconds, server="web-1", **fields):
    row = {"prediction_id": name, "model_id": "load", "model_version": "1.0.0", "predicted_at": at(seconds),
           "features": {"server": server, "past": [7]}, "prediction": [1.0, 2.0, 3.0]} | fields  # fmt: skip
    return records.raw(json.dumps(row).encode(), server)


def seen(records, seconds, value, told=None, server="web-1", **fields):
    row = {"model_id": "load", "entity": server, "observed_at": at(seconds), "label": value,
           "labelled_at": at(seconds if told is None else told)} | fields  # fmt: skip
    return records.raw(json.dumps(row).encode(), server, topic=PREDICTION_LABELS)


def judged(bench):
    """(id, event, label) of rows that are no values."""
    return [(r["prediction_id"], r["event"], r["label.cpu"]) for r in bench.rows() if "observation" not in r["event"]]


def kept(bench):
    """(seconds, event, value) of the values that went to the archive."""
    return [
        ((r["predicted_at"] - START).total_seconds(), r["event"], r["label.cpu"])
        for r in bench.rows()
        if "observation" in r["event"]
    ]


F1 = ("f1", "prediction", None)
GOT = "label", [10.0, 20.0, 30.0]
# name → (what comes, in seconds; each list is a batch), what goes out of the forecast, what was ignored
CASES = {
    "a value a step": ([[("f",)], [(30, 10)], [(60, 20)], [(90, 30)]], [GOT], {}),
    "all in one batch": ([[("f",), (30, 10), (60, 20), (90, 30)]], [GOT], {}),
    "before the forecast": ([[(30, 10), (60, 20)], [(90, 30)], [("f",)]], [GOT], {}),
    "out of order": ([[("f",)], [(60, 20)], [(30, 10)], [(90, 30)]], [GOT], {}),
    "beside the grid": ([[("f",)], [(44.9, 10), (45, 20), (104.9, 30)]], [GOT], {}),
    "of one step the nearest": ([[("f",)], [(25, 1), (31, 10), (40, 2), (60, 20), (90, 30)]], [GOT], {}),
    "a gap": ([[("f",)], [(30, 10)], [(90, 30)]], [("label", [10.0, None, 30.0])], {}),
    "the last step is a gap": ([[("f",)], [(30, 10)], [(120, 1)], [(150, 1)]], [("label", [10.0, None, None])], {}),
    "one clock is far ahead": ([[("f",)], [(30, 10)], [(9_000, 1)], [(60, 20)], [(90, 30)]], [GOT], {}),
    "told twice": ([[("f",)], [(30, 10), (30, 10), (60, 20), (90, 30)], [(90, 30)]], [GOT],
                   {"observation_repeated": 2}),
    "corrected before": ([[("f",)], [(30, 1)], [(30, 10, 31)], [(60, 20), (90, 30)]], [GOT], {}),
    "corrected after": ([[("f",)], [(30, 1), (60, 20), (90, 30)], [(30, 10, 300)]],
                        [("label", [1.0, 20.0, 30.0]), ("correction", [10.0, 20.0, 30.0])], {}),
    "corrected at an earlier time than the last step": (
        [[("f",)], [(30, 1), (60, 20), (90, 30)], [(30, 10, 31)]],
        [("label", [1.0, 20.0, 30.0]), ("correction", [10.0, 20.0, 30.0])], {}),
    "the older after the newer": ([[("f",)], [(30, 10, 300)], [(30, 1), (60, 20), (90, 30)]], [GOT],
                                  {"observation_repeated": 1}),
    "late": ([[("f",)], [(30, 10), (90, 30)], [(60, 20)]],
             [("label", [10.0, None, 30.0]), ("correction", [10.0, 20.0, 30.0])], {}),
    "told after the give-up time": ([[("f",)], [(30, 10), (60, 20), (90, 30, 8 * DAY)]], [],
                                    {"label_too_late": 1}),
    "of another series": ([[("f",)], [(30, 10, 30, "web-2"), (60, 20), (90, 30)]], [("label", [None, 20.0, 30.0])],
                          {}),
    "nothing of the forecast": ([[("f",)], [(0, 1), (120, 2), (150, 2)]], [], {}),
}  # fmt: skip


@pytest.mark.wild(
    area="labels",
    given="values of a series by time: in order or not, beside the grid, with gaps, twice, late, corrected",
    right="each is the truth of the step that it is nearest to, of every forecast of its series, over restarts too",
)
@pytest.mark.parametrize("restart", [False, True], ids=["in one life", "with a restart after every batch"])
@pytest.mark.parametrize("name", CASES)
def test_values_label_a_forecast(name, restart):
    batches, out, ignored = CASES[name]
    bench, make = bench_of()
    for batch in batches:
        records = [forecast(make, "f1", 0) if one[0] == "f" else seen(make, *one[:3], **_server(one)) for one in batch]
        bench.feed(records)
        bench = bench.restarted(keep=True, specs=[LOAD]) if restart else bench
    assert bench.dead == []
    assert judged(bench) == [F1, *(("f1", *one) for one in out)]
    assert bench.ignored == ignored


def _server(one):
    return {"server": one[3]} if len(one) > 3 else {}


def test_every_value_is_archived_whether_a_forecast_asked_for_it_or_not():
    bench, make = bench_of()
    bench.feed([seen(make, 0, 5.5), seen(make, 7, 6.5, label_source="user"), seen(make, 0, 5.5)])
    bench.feed([seen(make, 0, 5.0, told=20)])
    assert kept(bench) == [(0, "observation", [5.5]), (7, "observation", [6.5]), (0, "observation_again", [5.0])]
    batches = [archive_batch([PlacedFrame(0, place, frame)]) for place, frame in enumerate(bench.frames)]
    assert [row["prediction_id"] for one in batches for row in one.appends.to_pylist()] == [
        "web-1@2026-01-05T08:00:00+00:00", "web-1@2026-01-05T08:00:07+00:00",
    ]  # fmt: skip
    (again,) = [row for one in batches for row in one.corrections.to_pylist()]
    assert again["model_id"] == "load/observations"
    assert (again["categories"], again["labels_category"]) == ([("server", "web-1")], [("cpu", "[5.0]")])


def test_a_value_that_is_too_late_for_any_forecast_is_archived_and_no_more():
    bench, make = bench_of()
    bench.feed([seen(make, 9 * DAY, 1.0), seen(make, 9 * DAY + 30, 1.0), seen(make, 0, 5.0)])
    assert bench.ignored == {"observation_too_late": 1}
    assert kept(bench)[-1] == (0, "observation_again", [5.0])


def test_what_is_remembered_is_bounded_and_counted():
    bench, make = bench_of(observed_values=100)
    bench.feed([seen(make, 30 * one, 1.0, server=f"s{one % 7}") for one in range(700)])
    assert sum(bench.core.observed_values.values()) <= 100
    assert bench.ignored["observation_no_room"] >= 600
    assert len([key for key in bench.state if key.startswith("series/")]) <= 10


def test_blocks_that_no_forecast_reaches_back_to_are_forgotten():
    spec = LOAD | {"label_delay": {"give_up_seconds": 100}}
    bench, make = bench_of(spec)
    for first in range(0, 1000, 40):
        bench.feed([seen(make, 30 * (first + one), 1.0) for one in range(40)])
    assert 0 < bench.core.observed_values["load"] < 80
    assert len(bench.state) < 5


REFUSED = {
    "an observation for a model of labels": (
        {"forecast": LOAD["forecast"] | {"truth": "labels"}}, {}, "web-1", "NotObserved", "labels by prediction_id"),
    "keyed by something else": ({}, {}, "elsewhere", "WrongKey", "is not the value of its entity 'server'"),
    "no entity": ({}, {"entity": None}, "web-1", "MissingField", "whose value is it"),
    "no value": ({}, {"label": None}, "web-1", "MissingField", "has no value of"),
    "a text": ({}, {"label": "high"}, "web-1", "WrongType", "is a number, not 'high'"),
    "a list": ({}, {"label": [1, 2]}, "web-1", "WrongType", "is a number, not '[1"),
    "another field": ({}, {"label": {"ram": 1}}, "web-1", "MissingField", "has no value of 'cpu'"),
    "an id as well": ({}, {"prediction_id": "f1"}, "web-1", "TwoSubjects", "not both"),
    "a time of no century": ({}, {"observed_at": "1890-01-01T00:00:00Z"}, "web-1", "TimeOutOfRange", "observed_at"),
}  # fmt: skip


@pytest.mark.wild(
    area="labels",
    given="values of a series that name no series, no number, no time that may be, or a model whose labels have ids",
    right="each is buried with a sentence that says what is wanted",
)
@pytest.mark.parametrize("name", REFUSED)
def test_a_value_that_means_nothing_is_buried(name):
    spec, fields, key, error_class, words = REFUSED[name]
    bench, make = bench_of(LOAD | spec)
    record = seen(make, 30, 1.0, **fields)
    bench.feed([make.raw(record.value(), key, topic=PREDICTION_LABELS)])
    (letter,) = bench.dead
    assert letter.error_class == error_class
    assert words in letter.message


def test_forecasts_and_labels_by_id_of_such_a_model_are_buried():
    bench, make = bench_of()
    row = json.loads(forecast(make, "f1", 0).value())
    label = {"prediction_id": "f1", "model_id": "load", "label": [1, 2, 3], "labelled_at": at(90)}
    bench.feed([make.raw(json.dumps(row).encode(), "f1"),
                make.raw(json.dumps(label).encode(), "f1", topic=PREDICTION_LABELS)])  # fmt: skip
    assert [letter.error_class for letter in bench.dead] == ["WrongKey", "NotLabelled"]


def test_one_series_is_keyed_by_its_model():
    spec = LOAD | {"forecast": LOAD["forecast"] | {"entity": None}}
    bench, make = bench_of(spec)
    bench.feed([make.raw(forecast(make, "f1", 0).value(), "load")])
    values = [{"model_id": "load", "observed_at": at(s), "label": v, "labelled_at": at(s)}
              for s, v in ((30, 10), (60, 20), (90, 30))]  # fmt: skip
    bench.feed([make.raw(json.dumps(one).encode(), "load", topic=PREDICTION_LABELS) for one in values])
    assert bench.dead == []
    assert judged(bench) == [F1, ("f1", *GOT)]


def _by_server(bench):
    return [(name, row["feature.server"], row["event"], row["label.cpu"]) for row in bench.rows()
            if (name := row["prediction_id"]) and "observation" not in row["event"]]  # fmt: skip


@pytest.mark.wild(
    area="labels",
    given="an id that was of one series and is of another now, then a corrected value of the first, in any batches",
    right="the forecast has the values of its own series, and no other's",
)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_value_of_one_series_is_no_truth_of_another(size):
    bench, make = bench_of()
    bench.feed([forecast(make, "08:00", 0, "a")])
    bench.feed([seen(make, 30 * step, float(step), server="a") for step in (1, 2, 3)])
    later = [forecast(make, "08:00", 60, "b"), seen(make, 60, 99.0, told=300, server="a"),
             *(seen(make, 60 + 30 * step, 6.0 + step, server="b") for step in (1, 2, 3))]  # fmt: skip
    for first in range(0, len(later), size):
        bench.feed(later[first : first + size])
    assert _by_server(bench) == [
        ("08:00", "a", "prediction", None), ("08:00", "a", "label", [1.0, 2.0, 3.0]),
        ("08:00", "b", "prediction", None), ("08:00", "b", "label", [7.0, 8.0, 9.0]),
    ]  # fmt: skip
    assert bench.dead == []


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_an_id_that_goes_to_another_series_is_judged_after_the_values_of_the_first(size):
    bench, make = bench_of()
    values = [seen(make, 30 * step, float(step), server="a") for step in (1, 2, 3)]
    records = [forecast(make, "08:00", 0, "a"), *values, forecast(make, "08:00", 200, "b")]
    for first in range(0, len(records), size):
        bench.feed(records[first : first + size])
    assert [one[:3] for one in _by_server(bench)] == [
        ("08:00", "a", "prediction"), ("08:00", "a", "label"), ("08:00", "b", "prediction"),
    ]  # fmt: skip
    assert bench.dead == []


def test_one_value_of_two_forecasts_with_one_id_is_the_truth_of_the_newer():
    bench, make = bench_of(remembered_rows=2, correctable_rows=100)
    others = [forecast(make, f"o{one}", 0, "other") for one in range(3)]
    for batch in (
        [forecast(make, "x", 0)], [seen(make, 60, 1.0), seen(make, 90, 1.0)], others, [forecast(make, "x", 15)],
        [seen(make, 105, 2.0)], [seen(make, 45, 3.0, told=300)],
    ):  # fmt: skip
        bench.feed(batch)
    assert judged(bench)[-2:] == [("x", "correction", [None, 1.0, 2.0]), ("x", "correction", [3.0, 1.0, 2.0])]
    assert bench.dead == []


OF_BEFORE = {
    "its entity is a new feature": ({"features": {"past": {"kind": "series"}}}, {"past": [7]}),
    "its entity was a number": ({"features": LOAD["features"] | {"server": {}}}, {"server": 3.5, "past": [7]}),
}


@pytest.mark.wild(
    area="labels",
    given="forecasts are held, then the spec says that their truth comes as values of an entity that they do not name",
    right="they wait and are given up; values and forecasts of the new spec are read",
)
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("before", OF_BEFORE)
def test_forecasts_of_a_spec_without_the_entity_wait(before, restart):
    fields, features = OF_BEFORE[before]
    old = LOAD | fields | {"forecast": LOAD["forecast"] | {"entity": None, "truth": "labels"}}
    bench, make = bench_of(old)
    bench.feed([make.raw(forecast(make, "old", 0, features=features).value(), "old")])
    bench = bench.restarted(keep=True, specs=[old]) if restart else bench
    bench.core.take_table(MODEL_SPECS, [spec_record(LOAD, 2)])
    bench.feed([forecast(make, "f1", 0)])
    bench.feed([seen(make, 30 * step, 10.0 * step) for step in (1, 2, 3)])
    assert judged(bench) == [("old", "prediction", None), F1, ("f1", *GOT)]
    assert bench.dead == []


def test_series_that_come_and_go_leave_nothing_behind():
    bench, make = bench_of(correctable_rows=0, observed_values=100)
    for job in range(50):
        name, start = f"job-{job}", 30 * job
        bench.feed([forecast(make, name, start, name)])
        bench.feed([seen(make, start + 30 * step, 1.0, server=name) for step in (1, 2, 3)])
        bench.feed([seen(make, start + 31, 2.0, server=name)])
    (memory,) = bench.core._partitions.values()
    assert len(memory.models["load"].forecasts) == 0


SERVERS = st.sampled_from(["a", "b"])
FORECASTS = st.tuples(st.just("f"), st.integers(0, 5), SERVERS, st.integers(0, 12))
VALUES = st.tuples(st.just("v"), st.integers(0, 40), SERVERS, st.integers(0, 9), st.sampled_from([0, 0, 0, 7, 40, 400]))
STORIES = st.lists(st.one_of(FORECASTS, VALUES, VALUES), max_size=40)
CUTS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["go on", "restart", "redo"])), max_size=6)

RULES = st.builds(
    dict, correctable_rows=st.sampled_from([0, 2, 100]), laid_together=st.sampled_from([2, 16]),
    observed_values=st.sampled_from([40, 10_000]),
)  # fmt: skip


def records_of(story, make):
    for kind, number, server, *more in story:
        if kind == "f":
            yield forecast(make, f"{server}{number}", more[0] * 15, server)
        else:
            yield seen(make, number * 12.5, more[0], number * 12.5 + more[1], server)


def outcome_of(bench):
    return judged(bench), kept(bench), [d.record.offset() for d in bench.dead], bench.ignored


@pytest.mark.slow
@given(STORIES, CUTS, RULES, st.sampled_from([100, 300, 604_800]))
def test_any_split_restart_or_redo_gives_the_same(story, cuts, rules, give_up):
    spec = LOAD | {"label_delay": {"give_up_seconds": give_up}}
    (whole, make), (split, _) = bench_of(spec, **rules), bench_of(spec, **rules)
    records = list(records_of(story, make))
    whole.feed(records)
    start = 0
    for end, how in [*sorted(cuts), (len(records), "go on")]:
        batch = records[start : max(start, end)]
        if how == "redo":
            split.restarted(specs=[spec]).feed(batch)
            split = split.restarted(keep=True, specs=[spec])
        if batch:
            split.feed(batch)
        if how == "restart":
            split = split.restarted(keep=True, specs=[spec])
        start = max(start, end)
    assert outcome_of(split) == outcome_of(whole)


@pytest.mark.slow
@given(STORIES)
def test_forecasts_end_up_with_what_was_told_last_of_each_time(story):
    bench, make = bench_of()
    bench.feed(list(records_of(story, make)))
    told: dict[tuple[str, float], tuple[float, float]] = {}
    made: dict[str, tuple[str, float]] = {}
    for kind, number, server, *more in story:
        if kind == "f":
            made.setdefault(f"{server}{number}", (server, more[0] * 15.0))
        elif (number * 12.5 + more[1],) > told.get((server, number * 12.5), (-1.0, 0.0))[:1]:
            told[server, number * 12.5] = number * 12.5 + more[1], float(more[0])
    labels = {name: label for name, event, label in judged(bench) if event != "prediction"}
    for name, (server, begin) in made.items():
        steps = [truth(told, server, begin + STEP * (step + 1)) for step in range(HORIZON)]
        times = sorted(time for of, time in told if of == server)
        complete = steps[-1] is not None or sum(time >= begin + STEP * (HORIZON + 0.5) for time in times) > 1
        wanted = steps if complete and any(step is not None for step in steps) else None
        if name not in {letter.record.key().decode() for letter in bench.dead}:
            assert labels.get(name) == wanted


def truth(told, server, time):
    """The value that is nearest to a step, of two the later."""
    near = [
        (abs(at - time), -at, value)
        for (of, at), (_, value) in told.items()
        if of == server and -STEP / 2 <= at - time < STEP / 2
    ]
    return min(near)[2] if near else None


@pytest.mark.wild(
    area="partitions",
    given="one record with forecasts of two series, keyed by the first, on a topic of several partitions",
    right="the rows of the other series are buried as WrongPartition: its values would not meet them there",
)
def test_forecasts_in_another_partition_than_their_series_are_buried():
    bench, make = bench_of()
    bench.core.take_log(LogIdentity("cluster", {}, {PREDICTION_OUTCOMES: 2, PREDICTION_LABELS: 2}))
    here = partition_of(b"web-1", 2)
    other = next(name for name in (f"web-{n}" for n in range(2, 99)) if partition_of(name.encode(), 2) != here)
    rows = [json.loads(forecast(make, name, 0, name).value()) for name in ("web-1", other)]
    columns = {name: [row[name] for row in rows] for name in ("prediction_id", "predicted_at", "prediction")}
    features = {name: [row["features"][name] for row in rows] for name in ("server", "past")}
    whole = {"model_id": "load", "model_version": "1.0.0", **columns, "features": features}
    records = [make.raw(json.dumps(whole).encode(), "web-1", kind=COLUMNS), seen(make, 30, 1.0, server=other)]
    for record in records:
        object.__setattr__(record, "at_partition", here)
    bench.feed(records)
    assert [letter.error_class for letter in bench.dead] == ["WrongPartition", "WrongPartition"]
    assert [name for name, *_ in judged(bench)] == ["web-1"]


def test_values_are_in_frames_of_their_own_which_nobody_judges():
    bench, make = bench_of()
    bench.feed([forecast(make, "f1", 0), seen(make, 30, 10.0), seen(make, 60, 20.0)])
    assert [holds_values(frame.batch) for frame in bench.frames] == [False, True]
    core = DriftDetection()
    core.take_table(MODEL_SPECS, [spec_record(LOAD)])
    sent = [encode_frame(frame) for frame in bench.frames]
    records = [FakeRecord(OUTCOME_FRAMES, key="load", value=value, headers=headers, at_offset=place)
               for place, (value, headers) in enumerate(sent)]  # fmt: skip
    effects = core.process(records, START, tables_current=True)
    assert effects.ignored == {"observations": 1}
    ((_, model),) = core.models()
    assert model.watermark == START.timestamp() * 1000
