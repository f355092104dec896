"""What a process and all that it started take, from Linux's `/proc`."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of CPU so far, and memory: a page that several processes share counts once (proportional set size)."""

    cpu_s: float
    memory_mb: float


def taken_by(pid: int) -> Taken:
    """Of a process and its descendants that run now; those that end meanwhile are left out."""
    cpu, memory = 0.0, 0.0
    for one in family(pid):
        with suppress(OSError):
            cpu += _cpu_s(one)
            memory += _memory_mb(one)
    return Taken(cpu, memory)


def family(pid: int) -> Iterator[int]:
    """A process and all descendants."""
    yield pid
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def _cpu_s(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
