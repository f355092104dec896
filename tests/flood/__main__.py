"""What floods of made-up values cost: `python -m tests.flood --values 1000000`.

Each kind plays in a process of its own, and beside it the same rows with nothing made up.
"""

import argparse
import json
import multiprocessing
import sys
import warnings
from pathlib import Path

from tests.flood.floods import MADE_UP, Cost, played

MOST_MEMORY, MOST_LATENCY = 1.5, 2.0


def in_a_process(kind: str, values: int, batch_rows: int) -> Cost:
    """A play whose memory is its own; what was imported here already is shared."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(played, (kind, values, batch_rows))


def main() -> int:
    """0 where no flood costs more than is promised."""
    asked = argparse.ArgumentParser(prog="python -m tests.flood")
    asked.add_argument("--values", type=int, default=1_000_000)
    asked.add_argument("--batch-rows", type=int, default=5_000)
    asked.add_argument("--kind", choices=sorted(MADE_UP), action="append")
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    usual = in_a_process("nothing", given.values, given.batch_rows)
    figures, passed = {}, True
    for kind in given.kind or [kind for kind in MADE_UP if kind != "nothing"]:
        cost = in_a_process(kind, given.values, given.batch_rows)
        memory, latency = cost.mb / usual.mb, cost.whole_batch / usual.whole_batch
        passed &= memory < MOST_MEMORY and latency < MOST_LATENCY
        each = {name: round(cost.batch_seconds.get(name, 0) / max(usual.batch_seconds.get(name, 0), 1e-4), 2)
                for name in sorted({*cost.batch_seconds, *usual.batch_seconds})}  # fmt: skip
        figures[kind] = {"mb": round(cost.mb), "memory": round(memory, 2), "latency": round(latency, 2), "each": each}
        sys.stdout.write(f"{kind}: {json.dumps(figures[kind])}\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"usual: {usual.mb:.0f} MB, {usual.whole_batch:.3f} s of CPU a batch {dict(usual.batch_seconds)}\n"
    )
    if given.out:
        given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
