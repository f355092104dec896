"""What a case of the cluster is: a situation that a person gets into, and the sentence that it must end in.

A case is a module in `tests.cluster.cases` with a `CASE`; the harness finds it there and runs it after the faults, on
the same three brokers, under a topic prefix of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol

from driftloop.kafka.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Ended:
    """How a case ended: as it must, and in which words."""

    ok: bool
    said: str


class ClusterCase(Protocol):
    """`name` is its key in the report. `run` brings the situation about and never raises for what it finds."""

    name: str

    def run(self, kafka: KafkaSettings, folder: Path) -> Ended: ...


def cases() -> Iterator[ClusterCase]:
    """All there are, by their modules' names."""
    folder = Path(__file__).parent / "cases"
    for module in sorted(iter_modules([str(folder)]), key=lambda found: found.name):
        yield import_module(f"tests.cluster.cases.{module.name}").CASE
