"""A case that got slower than recorded is named; a machine that got slower, or a turn that was spoilt, is not."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from driftloop.errors import UserError
from driftloop.tools.bench import smoke
from driftloop.tools.bench.cores import registered
from driftloop.tools.bench.cores.calibration import PEERS
from driftloop.tools.bench.cores.case import Case, Work
from driftloop.tools.bench.cores.turn import cpu_seconds


def test_every_case_has_a_peer_and_a_name_of_its_own() -> None:
    cases = [case for _, case in registered()]
    assert {case.peer for case in cases} <= PEERS.keys()
    assert len({case.name for case in cases}) == len(cases)


def test_every_case_of_the_smoke_has_a_recorded_ratio() -> None:
    for module, case in registered():
        assert (case.name in smoke.read_recorded(smoke.RECORDED, module)) == case.in_smoke, case.name


def _case() -> Case:
    return Case("a case", lambda: lambda: 100)


def _measure(ours: Iterator[float], peers: Iterator[float]) -> Callable[[Work], tuple[int, float]]:
    """Seconds of the case and of its peer, turn by turn; the peer is asked first."""
    order = chain.from_iterable(zip(peers, ours, strict=False))
    return lambda _: (100, next(order))


@pytest.mark.parametrize(
    ("ours", "peers", "lost"),
    [
        pytest.param(repeat(1.0), repeat(1.0), False, id="as recorded"),
        pytest.param(repeat(1.2), repeat(1.0), False, id="a sixth slower"),
        pytest.param(repeat(1.3), repeat(1.0), True, id="a third slower"),
        pytest.param(repeat(3.0), repeat(3.0), False, id="on a slower machine"),
        pytest.param(chain([9.0] * 4, repeat(1.0)), repeat(1.0), False, id="spoilt turns"),
        pytest.param(chain([9.0] * 12, repeat(1.0)), repeat(1.0), False, id="spoilt for long"),
    ],
)
def test_more_than_a_fifth_slower_than_recorded_is_lost(
    ours: Iterator[float], peers: Iterator[float], *, lost: bool
) -> None:
    found = smoke.measured(_case(), 1.0, _measure(ours, peers))
    assert found.lost == lost
    if lost:
        with pytest.raises(UserError, match="a case"):
            smoke.raise_if_lost({"one": [found]})
    else:
        smoke.raise_if_lost({"one": [found]})


def test_the_lower_estimate_is_recorded(tmp_path: Path) -> None:
    found = smoke.measured(_case(), None, _measure(chain([4.0], repeat(1.0)), repeat(1.0)))
    smoke.record({"one": [found]}, folder=tmp_path)
    assert smoke.read_recorded(tmp_path, "one") == {"a case": 0.625}
    assert "not recorded" in smoke.smoke_table({"one": [found]})


def test_processes_that_are_started_count() -> None:
    def run() -> int:
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
        return 1

    assert cpu_seconds(run)[1] > 0.01


def test_figures_are_told_of_every_case_whether_it_is_timed_counted_or_both() -> None:
    timed = [smoke.Ratio(name, "a peer", 1.0, 1.0) for name in ("timed", "both")]
    counts = [smoke.Count(name, "lines a row", 2.0, 2.0) for name in ("both", "counted")]
    told = smoke.as_json({"a module": timed}, counts)
    assert {name: set(figures) for name, figures in told.items()} == {
        "timed": {"peer", "now", "recorded"},
        "both": {"peer", "now", "recorded", "counted"},
        "counted": {"counted"},
    }
