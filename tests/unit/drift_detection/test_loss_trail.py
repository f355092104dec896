"""What is said of the losses since an onset is true of exactly those rows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift_detection.core.losses.judging import MOST_FRAMES, FrameNames
from drift_detection.core.losses.loss_trail import KEPT, RATIO, LossTrail
from drift_detection.core.monitors.error_monitor import ErrorMonitor
from drift_detection.core.row_index import Step
from driftloop.contracts.model_profiles import LossProfile


def named(places: Any) -> list[Step]:
    return [Step(10 * place, f"p{place}", place) for place in places]


def fed(losses: np.ndarray, cuts: list[int]) -> LossTrail:
    trail = LossTrail()
    for first, last in zip([0, *cuts], [*cuts, len(losses)], strict=True):
        trail.begin(named)
        trail.push(losses[first:last])
        trail.end()
    return trail


@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(1, 6_000),
    back=st.integers(1, 7_000),
    cuts=st.lists(st.integers(1, 5_999), max_size=6, unique=True).map(sorted),
)
def test_the_mean_is_that_of_the_rows_it_names_however_they_were_cut(rows: int, back: int, cuts: list[int]) -> None:
    losses = np.random.default_rng(rows).exponential(size=rows)
    cuts = [cut for cut in cuts if cut < rows]
    trail, whole = fed(losses, cuts), fed(losses, [])
    count, mean = trail.since(back)
    assert (count, mean) == whole.since(back)
    assert mean == pytest.approx(losses[rows - count :].mean())
    assert min(back, rows) <= count <= min(back, rows) * (1 + RATIO / (KEPT - 1)) + RATIO
    assert trail.at_or_before(rows - count) == named([rows - count])[0]
    restored = LossTrail()
    restored.restore(trail.snapshot())
    assert restored.since(back) == (count, mean)
    assert restored.at_or_before(rows - count) == named([rows - count])[0]


def test_it_is_bounded() -> None:
    trail = fed(np.ones(400_000), list(range(5000, 400_000, 5000)))
    count, mean = trail.since(390_000)
    assert (count > KEPT * 3_125 - 1, mean) == (True, 1.0)
    assert len(str(trail.snapshot())) < 20_000


@pytest.mark.parametrize("seed", range(6))
def test_an_alarms_figures_are_of_the_rows_that_it_names(seed: int, make_spec: Any) -> None:
    rng = np.random.default_rng(seed)
    losses = np.concatenate([rng.random(9000) < 0.053, rng.random(9000) < 0.08]).astype(float)
    monitor = ErrorMonitor(make_spec(), LossProfile(rows=5000, mean=0.053, variance=0.05, bound=1.0), 1e-6)
    alarm = monitor.push(losses)[0]
    end = alarm.index + 1
    assert alarm.onset_rows_ago > 200
    assert alarm.current == pytest.approx(losses[end - alarm.onset_rows_ago : end].mean())


def test_a_signals_row_date_number_of_rows_and_mean_are_of_the_same_rows(detection: Any, stream: Any) -> None:
    shares = np.repeat([0.1, 0.16], [6000, 9000])
    rows = stream(15_000, seed=31, error_share=shares)
    watched = detection()
    watched.feed(rows, cuts=range(1000, 15_000, 1000))
    wrong = (rows.columns["ok"] != rows.columns["said"]).astype(float)
    harms = [signal for signal in watched.signals if signal.harmful]
    assert {signal.segment for signal in harms} == {"", "site=north", "site=south"}
    for signal in harms:
        site = signal.segment.partition("=")[2]
        mine = np.flatnonzero((rows.columns["site"] == site) | (not site))
        span = mine[(mine >= signal.onset.row) & (mine <= signal.raised.row)]
        assert signal.current_rows == len(span)
        assert signal.onset.row == span[0]
        assert signal.onset.prediction_id == f"row-{span[0]:08d}"
        assert signal.current_value == pytest.approx(wrong[span].mean())
        assert f"over the last {len(span)} labelled rows, since {signal.onset.at:%Y-%m-%d %H:%M}" in signal.explanation


class Judged:
    """Rows of a frame, each named by where it stands."""

    def __init__(self, frame: int) -> None:
        self.frame = frame

    def steps(self, which: np.ndarray) -> list[Step]:
        return [Step(1_000 * self.frame + row, f"f{self.frame}-{row}", row) for row in which.tolist()]


SEGMENTS = 12
FRAMES = st.lists(
    st.dictionaries(st.integers(0, SEGMENTS - 1), st.integers(1, 40), max_size=4), min_size=30, max_size=80
)


@given(FRAMES)
def test_quiet_segments_hold_the_names_of_no_more_than_the_newest_frames(frames: list[dict[int, int]]) -> None:
    together, alone = ([LossTrail() for _ in range(SEGMENTS)] for _ in range(2))
    names = FrameNames()
    for number, frame in enumerate(frames):
        judged, named, first = Judged(number), [], 0
        for segment, rows in frame.items():
            which = np.arange(first, first + rows)
            first += rows
            for trail in (together[segment], alone[segment]):
                places = which - trail.rows
                trail.begin(lambda asked, judged=judged, places=places: judged.steps(np.array(asked) + places[0]))
                trail.push(np.ones(rows))
            alone[segment].end()
            fresh = together[segment].fresh()
            named.append((together[segment], fresh, fresh - (together[segment].rows - rows) + which[0]))
        names.name_all(judged, named)
        held = {id(part[1]) for trail in together for part in trail._named}
        assert len(held) <= MOST_FRAMES
    for one, other in zip(together, alone, strict=True):
        assert one.snapshot() == other.snapshot()


def test_many_segments_that_fall_silent_hold_little() -> None:
    """Each has rows in a frame or two, among a thousand of others; without letting go they would hold all frames."""
    names, busy, silent = FrameNames(), LossTrail(), []
    for number in range(200):
        silent.append(LossTrail())
        named, first = [], 0
        for trail, rows in ((busy, 1_000), (silent[-1], 5)):
            before = trail.rows
            trail.begin(lambda asked: [])
            trail.push(np.ones(rows))
            fresh = trail.fresh()
            named.append((trail, fresh, fresh - before + first))
            first += rows
        names.name_all(Judged(number), named)
    held = {id(part[1]): len(part[1]) for trail in silent for part in trail._named}
    assert sum(held.values()) + sum(len(trail._kept_steps) for trail in silent) < 10_000
