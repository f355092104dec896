"""Snapshots of earlier layouts are taken up: references and alarms that stand are not forgotten."""

import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"


def the_rows(stream: Any) -> Any:
    """The rows that the snapshots were made of, up to number 5,800."""
    rows = stream(8000, seed=23, error_share=np.repeat([0.1, 0.4], 4000))
    rows.columns["heat"][4000:] += 1.0
    rows.columns["version"][5790:] = "1.0.1"
    rows.columns["event"][5000:5040] = "correction"
    rows.columns["place"][5000:5040] = np.arange(4900, 4940)
    return rows


@pytest.mark.parametrize("layout", [4])
def test_a_snapshot_of_an_earlier_layout_goes_on_as_the_release_that_wrote_it_would(
    layout: int, detection: Any, stream: Any
) -> None:
    rows, versions = the_rows(stream), ("1.0.0", "1.0.1")
    whole, restored = detection(versions=versions), detection(versions=versions)
    whole.feed(rows, cuts=range(500, 5800, 500), stop=5800)
    packed = (SNAPSHOTS / f"layout_{layout}.zlib").read_bytes()
    assert msgspec.json.decode(zlib.decompress(packed))["model"]["layout"] == layout
    restored.core.restore(0, [("gate", packed)])
    ((_, model),) = restored.core.models()
    assert {name: one.errors.alarmed for name, one in model.monitors.items()} == {
        "": True,
        "site=north": True,
        "site=south": True,
    }
    assert model.monitors[""].windows.alarmed == whole.core.models()[0][1].monitors[""].windows.alarmed
    before = len(whole.signals)
    whole.feed(rows, start=5800)
    restored.feed(rows, start=5800)
    assert [(one.kind, one.subject, one.raised, one.model_version) for one in restored.signals] == [
        (one.kind, one.subject, one.raised, one.model_version) for one in whole.signals[before:]
    ]
    for name in ("loss_reference", "alarms_raised", "corrections"):
        assert restored.statuses[-1].metrics[name] == whole.statuses[-1].metrics[name]


def test_windows_get_the_bins_that_constant_and_empty_columns_have_now() -> None:
    from drift_detection.core.migrations import _Wider
    from drift_detection.core.windows.bins import column_bins
    from driftloop.statistics.columns import column_profile

    names = {
        "empty": np.full(100, np.nan),
        "one": np.full(100, 5.0),
        "free": np.random.default_rng(0).normal(size=100),
    }
    columns = tuple(column_bins(name, column_profile(values)) for name, values in names.items())
    free = columns[2].count
    old = np.array([[7, 3, *range(free), 1, 2, 3, 4]])
    old[0, 2] += 10 - old[0, 2 : 2 + free].sum()
    (wider,) = _Wider(columns).tallies(old)
    assert wider[:2].tolist() == [0, 10]
    assert wider[2:6].tolist() == [0, 7, 0, 3]
    assert wider[6 : 6 + free].tolist() == old[0, 2 : 2 + free].tolist()
    assert wider[6 + free :].tolist() == [0, 1, 2, 0, 3, 4]
    assert _Wider(columns).columns == [1, 2]


def test_of_a_layout_that_cannot_be_read_the_status_says_so(detection: Any, stream: Any) -> None:
    rows, old, new = stream(1000), detection(), detection()
    old.feed(rows, stop=600)
    ((model, packed),) = old.core.snapshot(0)
    state = msgspec.json.decode(zlib.decompress(packed))
    state["model"] = {**state["model"], "layout": 3}
    new.core.restore(0, [(model, zlib.compress(msgspec.json.encode(state)))])
    new.feed(rows, start=600)
    assert "a snapshot of a layout that cannot be read" in new.statuses[-1].notes[0]
    assert new.statuses[-1].labelled_rows == 1000
