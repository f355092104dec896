"""What a case costs in things that can be counted: the same on every machine, however busy it is.

Hardware counters of instructions are not to be had everywhere, so lines of Python are counted: each call into a library
stands in one. They do not see an array that grew, nor a library that got slower; the smoke's seconds do. A command is
counted by the modules that it imports.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from driftloop.tools.bench.cores.case import Case, Work

ALLOWED = 1.2
"""A count above this many times the recorded one is a cost that was added."""


@dataclass(frozen=True, slots=True)
class Count:
    """Lines run for a row, or modules that a command imports: now and as recorded (None: not recorded yet)."""

    case: str
    what: str
    now: float
    recorded: float | None

    @property
    def lost(self) -> bool:
        """Whether more than a fifth was added to what was recorded."""
        return self.recorded is not None and self.now > ALLOWED * self.recorded


def counted(case: Case, recorded: Mapping[str, float]) -> Count:
    """The count of a case, beside the one that was recorded for it."""
    if case.command:
        return Count(case.name, "modules", modules_of(case.command), recorded.get(case.name))
    case.prepare()()  # what is compiled or read once is no row's cost
    return Count(case.name, "lines a row", lines_of(case.prepare()), recorded.get(case.name))


def lines_of(work: Work) -> float:
    """Lines of Python that are run for a row, of ours and of libraries, in this thread."""
    lines = 0

    def trace(_frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        rows = work()
    finally:
        sys.settrace(before)
    return round(lines / rows, 4)


def modules_of(command: tuple[str, ...]) -> int:
    """Modules that `driftloop COMMAND …` has imported when it ends."""
    program = [sys.executable, "-X", "importtime", str(Path(sys.executable).parent / "driftloop"), *command]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stderr.splitlines()
    return sum(line.startswith("import time:") for line in told) - 1  # the first line names the columns
