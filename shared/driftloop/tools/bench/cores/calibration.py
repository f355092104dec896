"""Work that no change of ours touches: what a machine makes of it is the measure of what it makes of a case."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from driftloop.processor import Record
from driftloop.tools.bench.cores.case import Work
from driftloop.tools.bench.ingest_core import decode_into_columns
from driftloop.tools.bench.ingest_rows import encode, make_rows

_CALLS, _VALUES = 3_000, 500
_DECODED, _TIMES = 10_000, 2


def small_arrays() -> Work:
    """Thousands of calls on arrays of a few hundred numbers: sorted, binned, counted and added up."""
    rng = np.random.default_rng(1)
    columns, edges = rng.normal(size=(20, _VALUES)), np.linspace(-3, 3, 30)

    def run() -> int:
        total = np.zeros(len(edges) + 1)
        for call in range(_CALLS):
            column = columns[call % len(columns)]
            total += np.bincount(edges.searchsorted(column), minlength=len(total))
            np.sort(column)
            column.cumsum()
        return _CALLS

    return run


@lru_cache(maxsize=1)
def _json_rows() -> list[Record]:
    return encode(make_rows(_DECODED), "json")


def decoding() -> Work:
    """JSON rows decoded into columns by msgspec, and nothing else."""
    records = _json_rows()

    def run() -> int:
        for _ in range(_TIMES):
            decode_into_columns(records)
        return _TIMES * _DECODED

    return run


def start() -> Work:
    """A Python that imports what a command of any product would: typer."""

    def run() -> int:
        subprocess.run([sys.executable, "-c", "import typer"], check=True)
        return 1

    return run


PEERS: Mapping[str, Callable[[], Work]] = {"small arrays": small_arrays, "msgspec": decoding, "import typer": start}
