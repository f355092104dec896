"""What many runs came to: kept in a file while they go on, and taken up again from there."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_CODE = ("services", "shared", "tests/simulation")


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


def code_of(root: Path = _ROOT, case: str | None = None) -> str:
    """Tells this code from other code: a digest of every module that runs in the world, and the case if one was named.

    A seed plays something else in each case.
    """
    digest = hashlib.sha256()
    for path in sorted(path for folder in _CODE for path in (root / folder).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12] + (f"-{case}" if case else "")
