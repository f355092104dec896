"""What many runs came to: kept in a file while they go on, and taken up again from there."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import grimp

_ROOT = Path(__file__).parents[2]
_PACKAGES = {
    "services": ("drift_detection", "outcome_ingestion", "retrain_coordinator", "trainer_worker"),
    "shared": ("driftloop",),
    ".": ("tests",),
}
_WORLD = ("tests.simulation.world", "tests.simulation.virtual")
_PLAYS = "tests.simulation.run"
"""It names every case, and so imports all: of its modules only those count that a case asks for itself."""


@dataclass(slots=True)
class Report:
    """`failures` say their seed and what went wrong first; `played` are the seeds, from one up to before another."""

    runs: int = 0
    steps: int = 0
    cpu_seconds: float = 0.0
    failures: list[dict[str, Any]] = field(default_factory=list)
    played: list[tuple[int, int]] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Count another worker's runs in."""
        self.runs += other.runs
        self.steps += other.steps
        self.cpu_seconds += other.cpu_seconds
        self.failures += other.failures
        self.played = _joined(self.played + other.played)

    def left(self, seeds: range) -> Iterator[range]:
        """Those of these seeds that were not played."""
        at = seeds.start
        for first, end in self.played:
            if at < min(first, seeds.stop):
                yield range(at, min(first, seeds.stop))
            at = max(at, end)
        if at < seeds.stop:
            yield range(at, seeds.stop)

    def write(self, path: Path, code: str, mutants: dict[str, int | None] | None = None) -> None:
        """Put it into a file: whole, or not at all."""
        found = {"runs": self.runs, "steps": self.steps, "cpu_seconds": round(self.cpu_seconds), "code": code}
        text = json.dumps({**found, "played": self.played, "failures": self.failures, "mutants": mutants or {}})
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((first, end))
    return joined


class OtherCodeError(ValueError):
    """A file holds the runs of other code than this, or of another case."""


def taken_up(path: Path, code: str) -> Report:
    """What a file holds, an empty report where there is none; raises OtherCodeError."""
    if not path.exists():
        return Report()
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["code"] != code:
        raise OtherCodeError(
            f"{path} holds runs of other code or another case ({found['code']}, this is {code}): name another file"
        )
    spans = [(first, end) for first, end in found["played"]]
    return Report(found["runs"], found["steps"], found["cpu_seconds"], found["failures"], spans)


def code_of(case: str | None = None) -> str:
    """Tells this code from other code: a digest of every module that the world and its cases can import.

    Where a case is named, of what that one can import: its runs still count where something else was changed.
    """
    return digest(files_of(case), _ROOT) + (f"-{case}" if case else "")


def digest(files: Iterable[Path], root: Path) -> str:
    """Of what these files hold, and of their places below the root."""
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def files_of(case: str | None = None) -> set[Path]:
    """Every file of ours that the world can import in this case, or in any."""
    packages = [name for names in _PACKAGES.values() for name in names]
    modules = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    cases = [case] if case else [_last(name) for name in modules.find_children("tests.simulation.cases")]
    asked = {*_WORLD, *(f"tests.simulation.cases.{name}" for name in cases)}
    found: set[str] = set()
    while asked:  # to import a module is to import the packages that it lies in, and what these import
        found |= asked
        reached = asked.union(*(modules.find_upstream_modules(name) for name in asked))
        asked = {parent for name in reached for parent in _parts(name)} & modules.modules - found
    return {path for name in {*found, _PLAYS} for path in _files(name)}


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _parts(module: str) -> Iterator[str]:
    """Its own name, and those of the packages that it lies in."""
    return accumulate(module.split("."), lambda whole, part: f"{whole}.{part}")


def _files(module: str) -> Iterator[Path]:
    top = module.partition(".")[0]
    (folder,) = (folder for folder, names in _PACKAGES.items() if top in names)
    path = _ROOT / folder / module.replace(".", "/")
    yield from (place for place in (path.with_suffix(".py"), path / "__init__.py") if place.is_file())
