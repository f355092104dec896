"""Does this build still have the speed that it reached? Answered on one machine in some seconds, without another build.

What can be counted is counted (`cores/counted.py`); the rest is timed.
Each case runs in turns with a peer that no change of ours touches. Their ratio is compared with the recorded one, so
that neither the machine nor its load is what is measured. Turns are short and many. On a busy machine a ratio still
strays: it is taken of the best turns and of all turns together; the lower one is recorded, and only if the higher one
is too small after many more turns is it lost. Where the two lie apart a case may take half as long again before it is
named, and Arrow's twice as long.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftloop.errors import UserError
from driftloop.tools.bench.cores import registered
from driftloop.tools.bench.cores.calibration import PEERS
from driftloop.tools.bench.cores.case import Case, Work
from driftloop.tools.bench.cores.counted import Count, counted
from driftloop.tools.bench.cores.turn import cpu_seconds
from driftloop.tools.bench.tables import table

RECORDED = Path(__file__).parent / "results" / "smoke"
"""A file for each module of cases: case → rows per CPU-second over those of its peer; and one with the counts."""
_COUNTED = "counted"
ALLOWED = 0.8
"""A ratio below this share of the recorded one is lost."""
TURNS, MOST_TURNS = 5, 20

Measure = Callable[[Work], tuple[int, float]]
"""Runs work; gives its rows and CPU seconds."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Rows per CPU-second of a case over those of its peer, now and as recorded (None: not recorded yet)."""

    case: str
    peer: str
    now: float
    recorded: float | None
    lower: float = 0.0
    """The lower estimate: `now` is the higher one."""

    @property
    def lost(self) -> bool:
        """Whether more than a fifth of what was reached is gone."""
        return self.recorded is not None and self.now < ALLOWED * self.recorded


def smoke(say: Callable[[str], None], recorded: Path = RECORDED) -> dict[str, list[Ratio]]:
    """The ratios of all cases of the smoke, by the module that has them."""
    found: dict[str, list[Ratio]] = {}
    for module, case in registered():
        if case.in_smoke:
            say(case.name)
            found.setdefault(module, []).append(measured(case, read_recorded(recorded, module).get(case.name)))
    return found


def counts() -> list[Count]:
    """What of all cases can be counted, beside what was recorded."""
    recorded = read_recorded(RECORDED, _COUNTED)
    return [counted(case, recorded) for _, case in registered()]


def measured(case: Case, recorded: float | None, measure: Measure = cpu_seconds) -> Ratio:
    """The ratio of five turns of both; of up to twenty while it looks lost."""
    ours, peers = _Turns(), _Turns()
    for turn in range(1, MOST_TURNS + 1):
        peers.add(*measure(PEERS[case.peer]()))
        ours.add(*measure(case.prepare()))
        estimates = (round(one / other, 3) for one, other in zip(ours.speeds, peers.speeds, strict=True))
        lower, higher = sorted(estimates)
        ratio = Ratio(case.name, case.peer, higher, recorded, lower)
        if turn >= TURNS and not ratio.lost:
            break
    return ratio


@dataclass(slots=True)
class _Turns:
    rows: int = 0
    seconds: float = 0.0
    best: float = 0.0

    def add(self, rows: int, seconds: float) -> None:
        self.rows, self.seconds = self.rows + rows, self.seconds + seconds
        self.best = max(self.best, rows / seconds)

    @property
    def speeds(self) -> tuple[float, float]:
        """Of the best turn, and of all together."""
        return self.best, self.rows / self.seconds


def read_recorded(folder: Path, module: str) -> Mapping[str, float]:
    """Ratios of a module's cases by name, or the counts of all; {} where none were recorded."""
    path = folder / f"{module}.json"
    found: dict[str, float] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def record(found: Mapping[str, Iterable[Ratio]], counts: Iterable[Count] = (), folder: Path = RECORDED) -> None:
    """Write the ratios and counts as those that were reached."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {module: {one.case: one.lower for one in ratios} for module, ratios in found.items()}
    for name, figures in {**files, _COUNTED: {one.case: one.now for one in counts}}.items():
        (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def as_json(found: Mapping[str, Iterable[Ratio]], counts: Iterable[Count] = ()) -> dict[str, Any]:
    """The figures for a script, by case; some are only counted, others only timed."""
    ratios: dict[str, dict[str, Any]] = {
        one.case: {"peer": one.peer, "now": one.now, "recorded": one.recorded} for one in _all(found)
    }
    for count in counts:
        ratios.setdefault(count.case, {})["counted"] = {
            "what": count.what,
            "now": count.now,
            "recorded": count.recorded,
        }
    return ratios


def smoke_table(found: Mapping[str, Iterable[Ratio]], counts: Iterable[Count] = ()) -> str:
    """What was measured and counted beside what is recorded."""
    ratios = [[one.case, one.peer, one.now, one.recorded, _words(one)] for one in _all(found)]
    heads = ["rows per CPU-second of", "over those of", "now", "recorded", ""]
    counted_rows = [[one.case, one.what, one.now, one.recorded, _words(one)] for one in counts]
    return f"{table(heads, ratios)}\n\n{table(['count of', 'what', 'now', 'recorded', ''], counted_rows)}"


def _words(one: Ratio | Count) -> str:
    return "not recorded" if one.recorded is None else f"{one.now / one.recorded:.2f} ×{' LOST' if one.lost else ''}"


def raise_if_lost(found: Mapping[str, Iterable[Ratio]], counts: Iterable[Count] = ()) -> None:
    """UserError that names the cases which lost more than a fifth of their speed, or cost a fifth more."""
    slower = [f"{one.case} ({one.now / (one.recorded or 1):.2f} × as fast)" for one in _all(found) if one.lost]
    dearer = [f"{one.case} ({one.now / (one.recorded or 1):.2f} × the {one.what})" for one in counts if one.lost]
    if lost := slower + dearer:
        raise UserError(
            f"Slower than recorded by more than {1 - ALLOWED:.0%}: {', '.join(lost)}. "
            "Find what made it slow; if the cost is wanted, record it with `driftloop bench versus --smoke --record`."
        )


def _all(found: Mapping[str, Iterable[Ratio]]) -> Iterator[Ratio]:
    for ratios in found.values():
        yield from ratios
