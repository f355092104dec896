"""Which versions are scored on which frames, and what their losses are."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from driftloop.codec.frames import ROW_COLUMNS, Frame, encode_frame
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.outcome_frames import FrameHeader
from driftloop.contracts.topics import MODEL_EVENTS, MODEL_SPECS, OUTCOME_FRAMES
from driftloop.learners.protocol import Predictions
from driftloop.processor import StaleTableError
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.score.ports import RefusedArtifactError
from trainer_worker.core.score.processor import ChallengeScoring

NOW = START


class ConstantShelf:
    """Each version says one class for every row; the artifact's name tells which."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def predict(self, artifact, sha256, rows):
        if "damaged" in artifact:
            raise RefusedArtifactError(f"the artifact {artifact} is damaged")
        self.asked.append((artifact, len(rows)))
        return Predictions({"y": np.full(len(rows), artifact.rsplit("/", 1)[1], dtype=object)})

    def check(self, artifact, sha256) -> None: ...


class ListLog:
    """Frames that a test has kept."""

    def __init__(self, records) -> None:
        self.records = records

    def between(self, model_id, partition, first, last):
        return [record for record in self.records if first <= record.offset() <= last]


class NoLearntRows:
    """Versions whose rows are gone."""

    def rows(self, artifact, sha256, spec):
        return None


def frame_record(offset, rows, model="plant", ids=None, sources=None, statuses=None) -> FakeRecord:
    """Rows are (event, version, prediction, label, line); `ids` where they are rows of another frame."""
    columns = {name: [None] * len(rows) for name in ROW_COLUMNS}
    columns["event"] = [row[0] for row in rows]
    columns["prediction_id"] = ids or [f"{offset}-{place}" for place in range(len(rows))]
    columns["model_version"] = [row[1] for row in rows]
    columns["label_source"] = sources or columns["label_source"]
    columns["status"] = statuses or columns["status"]
    arrays = [pa.array(values, ROW_COLUMNS[name]) for name, values in columns.items()]
    extra = {
        "feature.x": pa.array([1.0] * len(rows)),
        "prediction.y": pa.array([row[2] for row in rows], pa.string()),
        "label.y": pa.array([row[3] for row in rows], pa.string()),
        "segment.line": pa.array([row[4] for row in rows], pa.string()),
    }
    batch = pa.RecordBatch.from_arrays(arrays + list(extra.values()), [*ROW_COLUMNS, *extra])
    at = START + timedelta(minutes=offset)
    header = FrameHeader(model_id=model, spec_version=1, rows=len(rows), first_at=at, last_at=at)
    value, headers = encode_frame(Frame(header, batch))
    return FakeRecord(OUTCOME_FRAMES, key=model, value=value, headers=headers, at_offset=offset)


def event_record(event, version, after=None, previous=None, artifact=None, offset=0) -> FakeRecord:
    message = ModelEvent(
        message_id=derive_id("event", event, version, after),
        model_id="plant",
        occurred_at=START,
        event=event,
        version=version,
        previous_version=previous,
        reason="test",
        artifact=artifact or f"memory://plant/{'yes' if version == '1.0.0' else 'no'}",
        artifact_sha256="0" * 64,
        from_position=None if after is None else FramePosition(partition=0, offset=after),
    )
    return FakeRecord(MODEL_EVENTS, key="plant", value=message.to_json(), at_offset=offset)


def scores(effects) -> list[ChallengeScores]:
    return [ChallengeScores.from_json(out.value) for out in effects.outgoing]


OUTCOME = ("outcome", "1.0.0", "yes", "no", "a")
LABEL = ("label", "1.0.0", "yes", "yes", "b")
PREDICTION = ("prediction", "1.0.0", "yes", None, "a")


@pytest.fixture
def shelf():
    return ConstantShelf()


@pytest.fixture
def log():
    return ListLog([])


@pytest.fixture
def scoring(shelf, log, spec_record):
    core = ChallengeScoring(shelf, log, NoLearntRows())
    core.take_table(MODEL_SPECS, [spec_record])
    core.restore(0, ())
    return core


def challenged(scoring, after=2):
    scoring.process([event_record("promoted", "1.0.0")], NOW)
    return scoring.process([event_record("challenged", "1.0.1", after=after)], NOW)


def test_nothing_is_scored_while_there_is_nothing_to_compare(scoring):
    assert scores(scoring.process([frame_record(1, [OUTCOME])], NOW)) == []
    scoring.process([event_record("promoted", "1.0.0")], NOW)
    assert scores(scoring.process([frame_record(2, [OUTCOME])], NOW)) == []


def test_champion_and_challenger_are_scored_on_the_same_rows_after_the_events_frame(scoring, shelf):
    challenged(scoring, after=2)
    assert scores(scoring.process([frame_record(2, [OUTCOME])], NOW)) == []
    (message,) = scores(scoring.process([frame_record(3, [OUTCOME, LABEL])], NOW))
    assert message.champion == "1.0.0"
    assert message.losses == {"1.0.0": (1.0, 0.0), "1.0.1": (0.0, 1.0)}
    assert message.segments == {"line=a": (0,), "line=b": (1,)}
    assert message.position == FramePosition(partition=0, offset=3)
    assert message.occurred_at == START + timedelta(minutes=3)


def test_what_the_champion_said_in_production_counts_and_it_is_run_on_other_rows_only(scoring, shelf):
    challenged(scoring)
    older = ("outcome", "0.9.0", "no", "yes", "a")
    (message,) = scores(scoring.process([frame_record(3, [OUTCOME, older])], NOW))
    assert shelf.asked == [("memory://plant/yes", 1), ("memory://plant/no", 2)]
    assert message.losses["1.0.0"] == (1.0, 0.0)


def test_a_frame_without_labelled_rows_is_reported_too(scoring):
    challenged(scoring)
    (message,) = scores(scoring.process([frame_record(3, [PREDICTION])], NOW))
    assert message.losses == {"1.0.0": (), "1.0.1": ()}


def test_corrections_and_examples_are_no_rows_of_their_own(scoring):
    challenged(scoring)
    rows = [("correction", "1.0.0", "yes", "no", "a"), ("example", None, None, "no", "a"), LABEL]
    (message,) = scores(scoring.process([frame_record(3, rows)], NOW))
    assert message.losses == {"1.0.0": (0.0,), "1.0.1": (1.0,)}


CORRECTION = ("correction", "1.0.0", "yes", "yes", "a")


def test_a_correction_tells_what_was_lost_by_the_old_label_and_is_by_the_new(scoring, log):
    challenged(scoring, after=2)
    log.records = [frame_record(3, [LABEL, OUTCOME])]
    scoring.process(log.records, NOW)
    correction = frame_record(4, [OUTCOME, CORRECTION], ids=["4-0", "3-1"])
    (found,) = scores(scoring.process([correction], NOW))
    assert found.losses == {"1.0.0": (1.0,), "1.0.1": (0.0,)}
    (row,) = found.corrected
    assert (row.row, row.offset, row.segments) == (1, 3, ("line=a",))
    assert (row.before, row.after) == ({"1.0.0": 1.0, "1.0.1": 0.0}, {"1.0.0": 0.0, "1.0.1": 1.0})


def test_a_second_correction_takes_the_place_of_the_first(scoring, log):
    challenged(scoring, after=2)
    log.records = [frame_record(3, [OUTCOME]), frame_record(4, [CORRECTION], ids=["3-0"])]
    scoring.process(log.records, NOW)
    again = ("correction", *OUTCOME[1:])
    (found,) = scores(scoring.process([frame_record(5, [again], ids=["3-0"])], NOW))
    assert found.corrected[0].before == {"1.0.0": 0.0, "1.0.1": 1.0}
    assert found.corrected[0].after == {"1.0.0": 1.0, "1.0.1": 0.0}


@pytest.mark.parametrize(
    ("first", "second", "third", "told"),
    [
        ("user", "user", None, [{"1.0.0": 1.0, "1.0.1": 0.0}]),
        ("user", "pseudo", None, []),
        ("pseudo", "user", None, []),
        ("pseudo", "pseudo", "user", []),
        ("pseudo", "user", "user", []),
        ("user", "pseudo", "user", [{"1.0.0": 1.0, "1.0.1": 0.0}]),
    ],
)
def test_a_pseudo_label_neither_corrects_nor_is_corrected(scoring, log, first, second, third, told):
    challenged(scoring, after=2)
    log.records = [frame_record(3, [OUTCOME], sources=[first])]
    (judged,) = scores(scoring.process(log.records, NOW))
    assert judged.losses["1.0.0"] == (() if first == "pseudo" else (1.0,))
    for offset, source in enumerate([second, third], start=4):
        if source is not None:
            log.records.append(frame_record(offset, [CORRECTION], ids=["3-0"], sources=[source]))
            (found,) = scores(scoring.process(log.records[-1:], NOW))
    assert [row.before for row in found.corrected] == told


def test_a_correction_of_a_row_from_before_the_comparison_is_not_told(scoring, log):
    log.records = [frame_record(2, [OUTCOME])]
    challenged(scoring, after=2)
    (found,) = scores(scoring.process([frame_record(3, [CORRECTION], ids=["2-0"])], NOW))
    assert found.corrected == ()


def test_the_frames_between_two_comparisons_are_not_read(scoring, log):
    challenged(scoring, after=2)
    log.records = [frame_record(3, [OUTCOME]), frame_record(4, [CORRECTION], ids=["3-0"])]
    scoring.process(log.records, NOW)
    scoring.process([event_record("rejected", "1.0.1")], NOW)
    scoring.process([event_record("challenged", "1.0.2", after=500)], NOW)
    read = []
    log.between = lambda model_id, partition, first, last: read.append((first, last)) or [frame_record(501, [OUTCOME])]
    (found,) = scores(scoring.process([frame_record(502, [CORRECTION], ids=["501-0"])], NOW))
    assert [row.offset for row in found.corrected] == [501]
    assert read == [(501, 501)]


def test_a_restart_does_not_change_what_a_correction_tells(scoring, shelf, log, spec_record):
    challenged(scoring, after=2)
    frames = [
        frame_record(3, [OUTCOME, LABEL]),
        frame_record(4, [CORRECTION], ids=["3-0"]),
        frame_record(5, [("correction", *OUTCOME[1:])], ids=["3-0"]),
    ]
    log.records = frames
    scoring.process(frames[:2], NOW)
    other = ChallengeScoring(shelf, log, NoLearntRows())
    other.take_table(MODEL_SPECS, [spec_record])
    other.restore(0, ())
    challenged(other, after=2)
    other.process(frames[:2], NOW)
    other._corrections.forget(0)
    assert scores(other.process(frames[2:], NOW)) == scores(scoring.process(frames[2:], NOW))


@pytest.mark.parametrize("end", ["rejected", "archived"])
def test_a_version_that_is_out_is_scored_no_longer(scoring, end):
    challenged(scoring)
    scoring.process([event_record(end, "1.0.1", after=4)], NOW)
    assert scores(scoring.process([frame_record(5, [OUTCOME])], NOW)) == []


def test_the_predecessor_is_scored_beside_the_new_champion_until_it_is_archived(scoring):
    challenged(scoring)
    scoring.process([event_record("promoted", "1.0.1", after=5, previous="1.0.0")], NOW)
    (message,) = scores(scoring.process([frame_record(6, [OUTCOME])], NOW))
    assert message.champion == "1.0.1"
    assert set(message.losses) == {"1.0.0", "1.0.1"}
    scoring.process([event_record("archived", "1.0.0", after=7)], NOW)
    assert scores(scoring.process([frame_record(8, [OUTCOME])], NOW)) == []


def test_a_roll_back_ends_the_comparison(scoring):
    challenged(scoring)
    scoring.process([event_record("promoted", "1.0.1", after=5, previous="1.0.0")], NOW)
    scoring.process([event_record("rolled_back", "1.0.0", after=6, previous="1.0.1")], NOW)
    scoring.process([event_record("archived", "1.0.1", after=6)], NOW)
    assert scores(scoring.process([frame_record(7, [OUTCOME])], NOW)) == []


def test_frames_that_went_by_before_the_event_came_are_read_again_and_scored(scoring, log):
    log.records = [frame_record(offset, [OUTCOME]) for offset in range(1, 6)]
    scoring.process([event_record("promoted", "1.0.0")], NOW)
    scoring.process(log.records, NOW)
    late = scoring.process([event_record("challenged", "1.0.1", after=2)], NOW)
    assert [message.position.offset for message in scores(late)] == [3, 4, 5]


def test_who_is_faster_does_not_change_what_is_scored(shelf, log, spec_record):
    """A promotion after frame 4 is decided on the scores of frame 4: it cannot come before them."""
    champion, challenger = event_record("promoted", "1.0.0"), event_record("challenged", "1.0.1", after=2)
    promotion = event_record("promoted", "1.0.1", after=4, previous="1.0.0")
    log.records = [frame_record(offset, [OUTCOME, LABEL]) for offset in range(1, 8)]
    told = []
    for begun, proven in ((b, p) for b in range(8) for p in range(max(b, 4), 8)):
        core = ChallengeScoring(shelf, log, NoLearntRows())
        core.take_table(MODEL_SPECS, [spec_record])
        core.restore(0, ())
        frames = log.records
        steps = [champion, *frames[:begun], challenger, *frames[begun:proven], promotion, *frames[proven:]]
        found = [message for record in steps for message in scores(core.process([record], NOW))]
        told.append({(m.position.offset, version): losses for m in found for version, losses in m.losses.items()})
    assert len(told) > 20
    assert all(one == told[0] for one in told)


def test_a_promotion_does_not_repeat_frames_that_have_both_versions(scoring, log):
    log.records = [frame_record(offset, [OUTCOME]) for offset in range(1, 6)]
    challenged(scoring, after=0)
    scoring.process(log.records, NOW)
    late = scoring.process([event_record("promoted", "1.0.1", after=3, previous="1.0.0")], NOW)
    assert scores(late) == []


def test_a_damaged_artifact_leaves_that_version_out_with_its_reason_and_the_others_are_scored(scoring):
    scoring.process([event_record("promoted", "1.0.0")], NOW)
    scoring.process([event_record("challenged", "1.0.1", after=2, artifact="memory://plant/damaged")], NOW)
    effects = scoring.process([frame_record(3, [OUTCOME])], NOW)
    assert effects.dead_letters == ()
    (message,) = scores(effects)
    assert message.losses == {"1.0.0": (1.0,)}
    refused = message.refused["1.0.1"]
    assert (refused.reason, refused.unusable) == ("the artifact memory://plant/damaged is damaged", True)
    assert scoring.refused == {("plant", "1.0.1"): refused.reason}


def test_a_damaged_champion_is_still_named_and_its_challenger_is_scored(scoring):
    scoring.process([event_record("promoted", "1.0.0", artifact="memory://plant/damaged")], NOW)
    scoring.process([event_record("challenged", "1.0.1", after=2)], NOW)
    older = ("outcome", "0.9.0", "no", "yes", "a")
    (message,) = scores(scoring.process([frame_record(3, [older])], NOW))
    assert message.champion == "1.0.0"
    assert (set(message.losses), set(message.refused)) == ({"1.0.1"}, {"1.0.0"})


def test_a_frame_that_cannot_be_read_is_buried_and_answered_for_every_version(scoring):
    challenged(scoring)
    effects = scoring.process([FakeRecord(OUTCOME_FRAMES, key="plant", value=b"nonsense", at_offset=9)], NOW)
    assert [letter.stage for letter in effects.dead_letters] == ["decode"]
    (message,) = scores(effects)
    assert (message.position.offset, message.champion, message.losses) == (9, "1.0.0", {})
    assert set(message.refused) == {"1.0.0", "1.0.1"}
    assert not any(refused.unusable for refused in message.refused.values())


def test_the_versions_come_back_from_the_state(scoring, shelf, log, spec_record):
    scoring.process([frame_record(1, [OUTCOME])], NOW)
    first = scoring.process([event_record("promoted", "1.0.0")], NOW)
    second = scoring.process([event_record("challenged", "1.0.1", after=2)], NOW)
    state = {change.key: change.value for change in (*first.state_changes, *second.state_changes)}
    heir = ChallengeScoring(shelf, log, NoLearntRows())
    heir.take_table(MODEL_SPECS, [spec_record])
    heir.restore(0, state.items())
    assert len(scores(heir.process([frame_record(3, [OUTCOME])], NOW))) == 1


def test_a_frame_of_an_unknown_spec_asks_for_the_table_and_is_then_buried(shelf, log):
    core = ChallengeScoring(shelf, log, NoLearntRows())
    challenged(core)
    with pytest.raises(StaleTableError):
        core.process([frame_record(3, [OUTCOME])], NOW)
    (letter,) = core.process([frame_record(3, [OUTCOME])], NOW, tables_current=True).dead_letters
    assert letter.message == "no spec of plant is known: apply it"


def test_what_cannot_be_read_is_buried(scoring):
    challenged(scoring)
    bad_event = FakeRecord(MODEL_EVENTS, key="plant", value=b"{")
    bad_frame = FakeRecord(OUTCOME_FRAMES, key="plant", value=b"nonsense", at_offset=9)
    letters = scoring.process([bad_event, bad_frame], NOW).dead_letters
    assert [letter.stage for letter in letters] == ["decode", "decode"]


def test_repeated_events_change_nothing(scoring):
    challenged(scoring)
    again = scoring.process([event_record("challenged", "1.0.1", after=2)], NOW)
    assert (again.state_changes, again.outgoing) == ((), ())


def test_a_version_in_memory_whose_artifact_is_gone_is_refused(scoring, shelf):
    challenged(scoring)

    def gone(artifact, sha256):
        raise RefusedArtifactError(f"there is no artifact at {artifact}")

    shelf.check = gone
    (message,) = scores(scoring.process([frame_record(3, [OUTCOME])], NOW))
    assert set(message.losses) == {"1.0.0"}
    assert message.refused["1.0.1"].unusable
