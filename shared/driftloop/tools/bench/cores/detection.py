"""Detection's core once it is warm, on frames of 5,000 rows and on small ones, as a stream that is slow has them."""

from functools import lru_cache

from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.cores.case import Case, Work
from driftloop.tools.bench.watched import FRAME_ROWS, START, make_detection, make_frame

_WARM_FRAMES, _FRAMES = 2, 4
_SMALL_ROWS, _WARM_SMALL, _SMALL = 50, 60, 100


@lru_cache(maxsize=2)
def _frames(features: int, sites: int, rows: int, frames: int) -> list[FakeRecord]:
    return [make_frame(place, features=features, sites=sites, rows=rows) for place in range(frames)]


def _detection(
    features: int, sites: int, rows: int = FRAME_ROWS, warm: int = _WARM_FRAMES, frames: int = _FRAMES
) -> Work:
    records, core = _frames(features, sites, rows, warm + frames), make_detection(features=features)
    for record in records[:warm]:
        core.process([record], START)

    def run() -> int:
        for record in records[warm:]:
            core.process([record], START)
        return frames * rows

    return run


def _small(features: int, sites: int) -> Work:
    return _detection(features, sites, _SMALL_ROWS, _WARM_SMALL, _SMALL)


CASES = (
    Case("detection, 10 features, 3 segments", lambda: _detection(10, 3), goal=2.8),
    Case("detection, 100 features, 20 segments", lambda: _detection(100, 20), goal=3.0, in_smoke=False),
    Case("detection, 10 features, 3 segments, frames of 50 rows", lambda: _small(10, 3), goal=3.0, in_smoke=False),
    Case("detection, 100 features, 20 segments, frames of 50 rows", lambda: _small(100, 20), goal=3.0, in_smoke=False),
)
