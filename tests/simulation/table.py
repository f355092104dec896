"""Writes the table of mutants into the docs: `python -m tests.simulation --mutants`."""

from collections.abc import Mapping
from pathlib import Path

from tests.generated import between
from tests.simulation.mutants import MUTANTS

PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
_BEGIN, _END = "<!-- mutants: begin (python -m tests.simulation --mutants) -->", "<!-- mutants: end -->"


def table_of(killed: Mapping[str, int | None]) -> str:
    """A row a mutant."""
    rows = [f"| {MUTANTS[name].says} | {_found(name, seed)} |" for name, seed in killed.items()]
    return "\n".join(["| what is wrong in it | found by seed |", "|---|---|", *rows])


def _found(name: str, seed: int | None) -> str:
    if seed is not None:
        return str(seed)
    return f"changes nothing: {MUTANTS[name].no_effect}" if MUTANTS[name].no_effect else "not found"


def write(killed: Mapping[str, int | None]) -> None:
    """Put the table between its two marks."""
    page = between(PAGE.read_text(encoding="utf-8"), _BEGIN, _END, table_of(killed) + "\n")
    PAGE.write_text(page, encoding="utf-8")
