"""`docs/five-systems.md` says yes only where what it names is there."""

import re
from pathlib import Path

import pytest
import typer

from driftloop.tools.cli.main import app
from driftloop.tools.simulation.scenarios import SCENARIOS

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "docs" / "five-systems.md").read_text().splitlines() if line.startswith("| ")]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]
DEMANDS = [row for row in ROWS if len(row) == 4 and row[2].split(",")[0] in ("yes", "part", "no")]


def commands() -> set[str]:
    root = typer.main.get_command(app)
    names = set()
    for name, command in root.commands.items():
        names.add(f"driftloop {name}")
        names |= {f"driftloop {name} {inner}" for inner in getattr(command, "commands", {})}
    return names


def is_there(shown: str) -> bool:
    """Whether a file of the project, or a command with its scenario, exists."""
    if not shown.startswith("driftloop "):
        return (ROOT / shown).exists()
    command, _, scenario = shown.partition(" --scenario ")
    return command in commands() and (not scenario or scenario in SCENARIOS)


def test_every_line_of_a_table_of_demands_has_an_answer():
    assert len(DEMANDS) > 80
    others = [row for row in ROWS if row not in DEMANDS and row[1] not in ("from", "system")]
    assert [row for row in others if not re.fullmatch("S[0-4]", row[0])] == []


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in DEMANDS if row[2] == "yes"])
def test_what_a_yes_names_is_there(row):
    named = re.findall("`([^`]+)`", row[3])
    assert named
    assert [shown for shown in named if not is_there(shown)] == []


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in DEMANDS if row[2] != "yes"])
def test_a_no_says_why(row):
    assert len(row[3]) > 20
