import json

import numpy as np
import pytest

from drift_detection.core.labels.label_delays import LabelDelays


def told(*parts):
    """Delays in seconds, frame by frame."""
    delays = LabelDelays()
    for part in parts:
        delays.push((np.array(part) * 1000).astype(np.int64))
    return delays


def test_quantiles_are_those_of_the_labels_that_came():
    delays = np.random.default_rng(1).lognormal(8, 1, 4_000)
    for share in (0.5, 0.9, 0.99):
        assert told(delays).quantile(share) == pytest.approx(np.quantile(delays, share), rel=0.12)


def test_old_delays_are_forgotten():
    assert told([10] * 10_000, [100_000] * 10_000).quantile(0.01) == pytest.approx(100_000, rel=0.1)


def test_before_there_is_anything_nothing_is_said():
    assert LabelDelays().metrics() == {}


@pytest.mark.parametrize("size", [7, 999, 6_000])
def test_however_rows_are_cut_and_through_a_restart_it_is_the_same(size):
    delays = np.random.default_rng(2).lognormal(5, 2, 12_000)
    cut = LabelDelays()
    for start in range(0, len(delays), size):
        cut.push((delays[start : start + size] * 1000).astype(np.int64))
        again = LabelDelays()
        again.restore(json.loads(json.dumps(cut.snapshot())))
        cut = again
    assert cut.metrics() == told(delays).metrics()
