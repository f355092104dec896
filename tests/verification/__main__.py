"""How long a model of many days takes to verify: `python -m tests.verification --days 120`.

The log is made in memory by the services' own cores, which takes minutes (`--log FILE` keeps it for the next time).
Then the frames of the first half are taken away, as by a broker that keeps them for 60 days. Without checkpoints the
model is incomplete then.
"""

import argparse
import json
import logging
import pickle
import resource
import sys
import time
from pathlib import Path

import structlog
from tests.verification.months import log_of, recording

from driftloop.contracts import topics
from driftloop.processor import Record
from driftloop.tools.verify.comparison import Verified, verify
from driftloop.tools.verify.recorded import Recorded, json_of

_MOST_S = 60.0


def _timed(records: list[Record], since: int | None = None) -> tuple[Verified, float, float]:
    begun, used = time.monotonic(), time.process_time()
    found = verify(Recorded(records), since=since)
    return found, round(time.monotonic() - begun, 1), round(time.process_time() - used, 1)


def _told(found: Verified, seconds: float, cpu_seconds: float) -> dict[str, object]:
    differences = [one.sentence for one in found.differences]
    return {"s": seconds, "cpu_s": cpu_seconds, "compared": found.compared, "differences": differences}


def _log(given: argparse.Namespace) -> tuple[list[Record], float]:
    """The log, and how long it took to make."""
    if given.log and given.log.is_file():
        return pickle.loads(given.log.read_bytes()), 0.0
    used = time.process_time()
    log = log_of(recording(given.days, given.frames_a_day, given.frame_rows, given.regime_days), label_delay=50)
    if given.log:
        given.log.write_bytes(pickle.dumps(log))
    return log, round(time.process_time() - used, 1)


def main() -> int:
    """0 where everything comes out the same within 60 s of CPU time."""
    asked = argparse.ArgumentParser(prog="python -m tests.verification")
    asked.add_argument("--days", type=int, default=120)
    asked.add_argument("--frames-a-day", type=int, default=6)
    asked.add_argument("--frame-rows", type=int, default=25)
    asked.add_argument("--regime-days", type=float, default=9.3, help="days from one drift to the next")
    asked.add_argument("--log", type=Path, help="the log is read from this file, or made and written there")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    log, making = _log(given)
    frames = [one.offset() for one in log if one.topic() == topics.OUTCOME_FRAMES]
    middle = frames[len(frames) // 2]
    kept = [one for one in log if one.topic() != topics.OUTCOME_FRAMES or one.offset() >= middle]
    bare = [one for one in kept if one.topic() != topics.MODEL_CHECKPOINTS]
    last_week = json_of([one for one in kept if one.topic() == topics.MODEL_CHECKPOINTS][-14])["position"]
    assert isinstance(last_week, dict)
    half, week = _timed(kept), _timed(kept, int(last_week["offset"]))
    states = [one.value() or b"" for one in log if one.topic() == topics.MODEL_CHECKPOINTS]
    figures = {
        "days": given.days,
        "frames": len(frames),
        "decisions": sum(one.topic() == topics.RETRAIN_DECISIONS for one in log),
        "versions": sum(one.topic() == topics.MODEL_PROFILES for one in log),
        "checkpoints": len(states),
        "checkpoint_bytes": round(sum(map(len, states)) / len(states)),
        "making_cpu_s": making,
        "incomplete_without": list(verify(Recorded(bare)).incomplete),
        "half": _told(*half),
        "week": _told(*week),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if half[0].differences or week[0].differences or half[2] > _MOST_S else 0


if __name__ == "__main__":
    sys.exit(main())
