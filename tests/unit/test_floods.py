"""A flood of made-up values, through all services: small here, a million of each by `python -m tests.flood`."""

import gc
import tracemalloc

import pytest
from tests.flood.floods import MADE_UP, Feed, World

pytestmark = pytest.mark.slow
BATCHES, ROWS = 4, 150


def held_after(kind: str) -> tuple[int, float]:
    """Bytes that the services hold after a flood, and the CPU seconds of its quickest later batch."""
    feed, world, quickest = Feed(MADE_UP[kind], ROWS), World(), float("inf")
    tracemalloc.start()
    try:
        for number in range(BATCHES):
            records = feed.next()
            world.seconds.clear()
            world.take(records)
            if number >= BATCHES // 2:
                quickest = min(quickest, sum(world.seconds.values()))
        del records
        gc.collect()
        return tracemalloc.get_traced_memory()[0], quickest
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def usual() -> tuple[int, float]:
    held_after("nothing")
    return held_after("nothing")


@pytest.mark.parametrize("kind", [kind for kind in MADE_UP if kind != "nothing"])
def test_a_flood_leaves_memory_and_the_models_beside_alone(kind: str, usual: tuple[int, float]):
    held, seconds = held_after(kind)
    assert held < 1.5 * usual[0]
    assert seconds < 4 * usual[1], "the models beside wait for it"
