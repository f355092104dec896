"""What `drift_detection.core.detectors.protocol.Detector` promises, as checks of a factory."""

import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.detectors.protocol import Detector, DetectorFactory, LossReference, completed

Floats = NDArray[np.float64]
Check = Callable[[DetectorFactory], None]

CUTS = ((), (1,), (699,), (250, 500, 1000), (3, 4, 5, 900), (1399,))
"""Where batches end in the ways of batching that are compared."""
LONGEST_SNAPSHOT = 200_000
"""Characters of JSON; a detector remembers no more however many rows it has seen."""


def _made(factory: DetectorFactory, rows: int = 0) -> Detector:
    return completed(factory(LossReference(rows=rows, mean=0.2, variance=0.16)))


def rising_errors(rows: int, seed: int = 0) -> Floats:
    """0/1 losses: one in ten at first, one in two from the middle on."""
    random = np.random.default_rng(seed)
    share = np.where(np.arange(rows) < rows // 2, 0.1, 0.5)
    return (random.random(rows) < share).astype(np.float64)


def alarm_rows(detector: Detector, values: Floats, cuts: Sequence[int] = ()) -> list[int]:
    """Rows of all alarms when the values come in batches that end at `cuts`."""
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(values)], strict=True):
        begin = start
        while begin < stop:
            alarm = detector.update_many(values[begin:stop])
            begin = stop if alarm is None else begin + alarm + 1
            found += [] if alarm is None else [begin - 1]
    return found


def the_same_losses_give_the_same_alarms(factory: DetectorFactory) -> None:
    """Twice the same losses, twice the same alarms."""
    values = rising_errors(1500, 1)
    first, second = (alarm_rows(_made(factory), values) for _ in range(2))
    assert first == second, f"alarms at rows {first}, then at {second}"


def a_large_rise_is_found(factory: DetectorFactory) -> None:
    """Losses that rise from one in ten to one in two raise an alarm within 3,000 rows of it."""
    assert alarm_rows(_made(factory), rising_errors(6000, 1)), "a rise from 0.1 to 0.5 raised no alarm"


def batches_make_no_difference(factory: DetectorFactory) -> None:
    """However losses are batched, down to one at a time, the alarms are the same."""
    values = rising_errors(1400, 3)
    whole = alarm_rows(_made(factory), values)
    for cuts in CUTS:
        found = alarm_rows(_made(factory), values, cuts)
        assert found == whole, f"batches that end at {cuts} give alarms at rows {found}, one batch at {whole}"
    single = _made(factory)
    found = [row for row, value in enumerate(values) if single.update(float(value))]
    assert found == whole, f"`update` gives alarms at rows {found}, `update_many` at {whole}"


def a_snapshot_has_the_same_future(factory: DetectorFactory) -> None:
    """A snapshot is JSON, and a detector that restores it goes on as the one that was asked for it."""
    values = rising_errors(1600, 7)
    for at in (0, 1, 777, 1100):
        whole, restored = _made(factory), _made(factory)
        alarm_rows(whole, values[:at])
        restored.restore(json.loads(json.dumps(whole.snapshot())))
        then, now = alarm_rows(whole, values[at:]), alarm_rows(restored, values[at:])
        assert now == then, f"restored at row {at} it gives alarms at {now}, the first one at {then}"
        assert restored.statistic == whole.statistic, f"the statistic differs after a restore at row {at}"
        assert restored.latched == whole.latched, f"`latched` differs after a restore at row {at}"


def memory_is_bounded(factory: DetectorFactory) -> None:
    """Neither memory nor a snapshot grows with the rows seen."""
    detector, random = _made(factory), np.random.default_rng(1)
    for _ in range(4):
        alarm_rows(detector, (random.random(10_000) < 0.1).astype(np.float64))
        size = len(json.dumps(detector.snapshot()))
        assert size < LONGEST_SNAPSHOT, f"a snapshot takes {size} characters"


def what_is_no_number_is_refused(factory: DetectorFactory) -> None:
    """NaN and infinity raise ValueError before anything changes."""
    values = rising_errors(400, 9)
    for bad in (np.nan, np.inf, -np.inf):
        detector, untouched = _made(factory), _made(factory)
        alarm_rows(detector, values)
        alarm_rows(untouched, values)
        try:
            detector.update_many(np.array([0.0, bad]))
        except ValueError:
            assert detector.snapshot() == untouched.snapshot(), f"a loss of {bad} is refused and leaves a trace"
        else:
            raise AssertionError(f"a loss of {bad} is not refused with ValueError")


def figures_are_numbers(factory: DetectorFactory) -> None:
    """What a detector tells of itself is in its range, before the first row and after many."""
    detector = _made(factory)
    for values in (rising_errors(0, 2), rising_errors(300, 2)):
        alarm_rows(detector, values)
        length = detector.average_run_length
        assert length is None or length > 1, f"average_run_length is {length}: rows, more than 1, or None"
        assert np.isfinite(detector.statistic), "the statistic is no finite number"
        assert np.isfinite(detector.threshold), "the threshold is no finite number"
        assert detector.onset_rows_ago >= 0, "the onset lies in the future"
        mean, rows = detector.reference_level
        assert rows >= 0, "reference_level: rows are below 0"
        assert 0 <= mean <= 1, f"reference_level: the mean of losses in 0…1 is {mean}"
        assert detector.latched in (None, False, True), "`latched` is True, False or None"
        assert detector.is_learning in (False, True), "`is_learning` is True or False"


def another_rate_keeps_the_evidence(factory: DetectorFactory) -> None:
    """`declare` may come at any time: it changes when an alarm is raised, and nothing that was seen."""
    detector, values = _made(factory), rising_errors(500, 4)[:250]
    alarm_rows(detector, values)
    before = detector.snapshot()
    detector.declare(1e-5)
    assert detector.snapshot() == before, "`declare` changed what was seen"


DETECTOR_CHECKS: tuple[Check, ...] = (
    the_same_losses_give_the_same_alarms,
    a_large_rise_is_found,
    batches_make_no_difference,
    a_snapshot_has_the_same_future,
    memory_is_bounded,
    what_is_no_number_is_refused,
    figures_are_numbers,
    another_rate_keeps_the_evidence,
)
"""Every check of a detector."""
