"""This build beside an earlier one: what a user waits for, measured in turns on the same machine.

Why in turns: a machine is not equally busy all the time. Two runs that follow each other see about the same of it, so
their ratio holds where neither of their seconds would. The earlier build runs with the packages of this one: what is
compared is our code.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from driftloop.errors import ExitCode, UserError
from driftloop.tools.bench.process_tree import taken_by
from driftloop.tools.bench.tables import table

REVISION = "fffd0b2"
_READY = "All services are ready"
_SETTLED_SECONDS = 5.0
_DIFFERS = ("training_seconds", "wall_seconds", "kafka")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took: seconds, seconds of CPU of all its processes, and their memory (proportional set size).

    Of work in memory, the rows of a second of CPU alone. None: not measured.
    """

    wall_s: float | None
    cpu_s: float | None
    memory_mb: float | None = None
    rows_per_cpu_s: float | None = None


Run = Callable[[Path], Figures]
"""Measures the `driftloop` command at a path."""


def bench_versus(baseline: Path, runs: Mapping[str, Run], turns: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Both builds, `turns` times each; the earlier one is made ready in `baseline` where it is not."""
    commands = {"baseline": prepared(baseline), "now": Path(sys.executable).parent / "driftloop"}
    cases: dict[str, Any] = {}
    for name, run in runs.items():
        found: dict[str, list[Figures]] = {"baseline": [], "now": []}
        for turn in range(turns):
            for build, command in commands.items():
                say(f"{name}, turn {turn + 1} of {turns}, {build}")
                found[build].append(run(command))
        cases[name] = _compared(found["baseline"], found["now"])
    return {"baseline": REVISION, "turns": turns, "cores": os.cpu_count(), "cases": cases}


def prepared(folder: Path) -> Path:
    """The command of the earlier build: its checkout in `folder`, made if there is none, with packages of this one."""
    command = folder / ".venv" / "bin" / "driftloop"
    if command.is_file():
        return command
    python = folder / ".venv" / "bin" / "python"
    if not (folder / "pyproject.toml").is_file():
        _done("git", "worktree", "add", "--detach", str(folder), REVISION)
    _done(sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv"))
    packages = [path for path in sys.path if path.endswith("site-packages")]
    (site,) = (folder / ".venv" / "lib").glob("python*/site-packages")
    (site / "packages_of_this_build.pth").write_text("\n".join(packages) + "\n", encoding="utf-8")
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(folder))
    _done(sys.executable, "-m", "pip", "--python", str(python), *install)
    return command


def _own_code() -> dict[str, str]:
    """Our environment without PYTHONPATH, by which the earlier build would run this one's code."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _done(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=_own_code())
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"{' '.join(command[:4])} failed: {last}", ExitCode.ERROR)


def help_run(command: Path) -> Figures:
    """`driftloop --help`."""
    return _run([str(command), "--help"])


def replay_run(file: Path, target: str, results: dict[str, list[Any]]) -> Run:
    """`driftloop replay FILE`; what it found is added to `results` by command."""

    def run(command: Path) -> Figures:
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder) / "result.json"
            figures = _run([str(command), "replay", str(file), "--target", target, "--json", str(said)])
            found = json.loads(said.read_text(encoding="utf-8"))
        results.setdefault(str(command), []).append({name: found[name] for name in found if name not in _DIFFERS})
        return figures

    return run


_IN_A_ROW = 3
_TURN = Path(__file__).parent / "cores" / "turn.py"


def core_run(module: str, name: str) -> Run:
    """The best of three runs of a core's case, in a process of its own."""

    def run(command: Path) -> Figures:
        python = str(command.parent / "python")
        turn = [python, str(_TURN), module, name, str(_IN_A_ROW)]
        ended = subprocess.run(turn, capture_output=True, text=True, check=False, env=_own_code())
        if ended.returncode:
            raise UserError(f"{name} failed with {python}: {ended.stderr.strip()[-300:]}")
        found = json.loads(ended.stdout)
        return Figures(None, None, rows_per_cpu_s=round(found["rows"] / found["cpu_s"]))

    return run


def up_run(command: Path) -> Figures:
    """`driftloop up` until all services are ready; the memory some seconds later."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        process = subprocess.Popen(
            [str(command), "up", "--home", f"{folder}/home"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**_own_code(), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            if not any(_READY in line for line in process.stdout):
                raise UserError(f"{command} up ended with exit code {process.wait()}.")
            ready, at_ready = time.monotonic() - started, taken_by(process.pid)
            time.sleep(_SETTLED_SECONDS)
            settled = taken_by(process.pid)
        finally:
            process.terminate()
            process.wait()
    return Figures(round(ready, 3), round(at_ready.cpu_s, 3), round(settled.memory_mb, 1))


def _run(command: Sequence[str]) -> Figures:
    before, started = getrusage(RUSAGE_CHILDREN), time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=_own_code())
    after, wall = getrusage(RUSAGE_CHILDREN), time.monotonic() - started
    if ended.returncode:
        raise UserError(f"{' '.join(command)} failed: {(ended.stdout + ended.stderr).strip()[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figures(round(wall, 3), round(cpu, 3))


_UNITS = {"wall_s": "s", "cpu_s": "s of CPU", "memory_mb": "MB", "rows_per_cpu_s": "rows per CPU-second"}


def _compared(before: Sequence[Figures], now: Sequence[Figures]) -> dict[str, Any]:
    """Each figure of both builds, and the ratios of the pairs: median, least and largest."""
    compared: dict[str, Any] = {}
    for name in _UNITS:
        theirs, ours = ([asdict(one)[name] for one in runs] for runs in (before, now))
        if None in theirs + ours:
            continue
        ratios = sorted(round(our / their, 3) for our, their in zip(ours, theirs, strict=True))
        compared[name] = {
            "baseline": theirs, "now": ours, "ratio": round(statistics.median(ratios), 3),
            "least": ratios[0], "largest": ratios[-1],
        }  # fmt: skip
    return compared


def versus_table(result: Mapping[str, Any]) -> str:
    """Medians of both builds, and the ratio with its spread."""
    rows = [
        [
            f"{case}, {_UNITS[name]}",
            _figure(one["baseline"]),
            _figure(one["now"]),
            f"{one['ratio']:.2f} ({one['least']:.2f}…{one['largest']:.2f})",
        ]
        for case, figures in result["cases"].items()
        for name, one in figures.items()
        if name in _UNITS
    ]
    return table(["what a user waits for", result["baseline"], "this build", "ratio (spread)"], rows)


def _figure(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:,.0f}" if middle >= 1000 else f"{middle:.3g}"
