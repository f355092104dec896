"""How much detection keeps of a model: of a large one as its rows go by, and of a thousand in one process."""

from typing import Any

from drift_detection.core.processor import DriftDetection
from driftloop.telemetry.memory import memory_mb
from driftloop.tools.bench.watched import START, make_detection, make_frame

FEATURES, SEGMENTS = 100, 20
FRAMES = 16
MODELS = 1000


def bench_state(frames: int = FRAMES, models: int = MODELS) -> dict[str, Any]:
    """Bytes of the snapshot of a model of 100 features and 20 segments, half way and at the end of its frames.

    And the megabytes by which the process grows with that model, and with a thousand of ten features and
    three segments (their profiles included).
    """
    before = memory_mb()
    halfway, end = snapshot_growth(frames, FEATURES, SEGMENTS)
    large = memory_mb()
    core = make_detection(models)
    for number in range(models):
        core.process([make_frame(0, f"model-{number}", rows=500)], START)
    return {
        "snapshot_bytes_100_features_20_segments": [halfway, end],
        "memory_mb_100_features_20_segments": round(large - before, 1),
        f"memory_mb_{models}_models": round(memory_mb() - large, 1),
    }


def snapshot_growth(frames: int, features: int, segments: int) -> tuple[int, int]:
    """Bytes of a model's snapshot after half of its frames and after all of them."""
    core = make_detection(features=features)
    sizes = []
    for place in range(frames):
        core.process([make_frame(place, features=features, sites=segments)], START)
        if place + 1 in {frames // 2, frames}:
            sizes.append(_snapshot_bytes(core))
    return sizes[0], sizes[-1]


def _snapshot_bytes(core: DriftDetection) -> int:
    return sum(len(state) for _, state in core.snapshot(0))
