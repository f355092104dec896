"""Detection's core on frames of 5,000 rows, once it is warm."""

from functools import lru_cache

from driftloop.testing.records import FakeRecord
from driftloop.tools.bench.cores.case import Case, Work
from driftloop.tools.bench.watched import FRAME_ROWS, START, make_detection, make_frame

_WARM_FRAMES, _FRAMES = 2, 4


@lru_cache(maxsize=2)
def _frames(features: int, sites: int) -> list[FakeRecord]:
    return [make_frame(place, features=features, sites=sites) for place in range(_WARM_FRAMES + _FRAMES)]


def _detection(features: int, sites: int) -> Work:
    records, core = _frames(features, sites), make_detection(features=features)
    for record in records[:_WARM_FRAMES]:
        core.process([record], START)

    def run() -> int:
        for record in records[_WARM_FRAMES:]:
            core.process([record], START)
        return _FRAMES * FRAME_ROWS

    return run


CASES = (
    Case("detection, 10 features, 3 segments", lambda: _detection(10, 3), goal=2.8),
    Case("detection, 100 features, 20 segments", lambda: _detection(100, 20), goal=3.0, in_smoke=False),
)
