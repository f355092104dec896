"""One turn of one case on the build whose Python runs this file: `python turn.py MODULE NAME REPEATS`.

It is run by its path, since an earlier build has neither it nor the case; all else that is imported is that build's.
"""

import gc
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from types import ModuleType

OURS = Path(__file__).parents[1]


def cpu_seconds(work: Callable[[], int]) -> tuple[int, float]:
    """Rows of a run, and the CPU time that this process and those that it started took for it."""
    gc.collect()
    gc.freeze()  # the inputs are not what a collection goes through
    before = _taken()
    rows = work()
    return rows, max(_taken() - before, 1e-9)


def _taken() -> float:
    return sum(one.ru_utime + one.ru_stime for one in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def _with_ours() -> None:
    """Let `driftloop.tools.bench` be that of the build, and behind it ours; an old build has it a floor higher."""
    try:
        bench: ModuleType = import_module("driftloop.tools.bench")
    except ModuleNotFoundError:
        bench = import_module("driftloop.bench")
        sys.modules["driftloop.tools"] = ModuleType("driftloop.tools")
        sys.modules["driftloop.tools.bench"] = bench
    if str(OURS) not in bench.__path__:
        bench.__path__.append(str(OURS))


def _main(module: str, name: str, repeats: int) -> None:
    _with_ours()
    cases = {case.name: case for case in import_module(f"driftloop.tools.bench.cores.{module}").CASES}
    rows, cpu_s = min((cpu_seconds(cases[name].prepare()) for _ in range(repeats)), key=lambda found: found[1])
    print(json.dumps({"rows": rows, "cpu_s": cpu_s}))  # noqa: T201


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
