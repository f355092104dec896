"""`driftloop bench versus`: this build beside an earlier one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from driftloop.errors import UserError
from driftloop.tools.cli.figures import Json, finish, say

CASES = ("help", "up", "replay")


def versus(
    baseline: Annotated[
        Path, typer.Option(help="Folder of the earlier build; a checkout of it is made there if there is none.")
    ],
    json_file: Json = None,
    case: Annotated[list[str] | None, typer.Option(help="help, up or replay; several may be given.")] = None,
    replay: Annotated[list[Path] | None, typer.Option(help="Recorded files that are replayed.")] = None,
    target: Annotated[str, typer.Option(help="The column to predict in them.")] = "target",
    turns: Annotated[int, typer.Option(min=1, help="Runs of each build.")] = 3,
) -> None:
    """What a user waits for, beside an earlier build on the same machine in the same run (Linux)."""
    from driftloop.tools.bench.versus import Run, bench_versus, help_run, replay_run, up_run, versus_table

    cases = case or CASES
    if unknown := [one for one in cases if one not in CASES]:
        raise UserError(f"--case is one of {', '.join(CASES)}, not {unknown[0]}.", 2)
    found: dict[str, dict[str, list[Any]]] = {}
    runs: dict[str, Run] = {}
    runs |= {"help": help_run} if "help" in cases else {}
    runs |= {"up": up_run} if "up" in cases else {}
    for file in (replay or []) if "replay" in cases else []:
        name = f"replay {file.name.split('.', maxsplit=1)[0]}"
        runs[name] = replay_run(file, target, found.setdefault(name, {}))
    result = bench_versus(baseline, runs, turns, say)
    for name, by_build in found.items():
        result["cases"][name]["repeats_are_equal"] = all(one == many[0] for many in by_build.values() for one in many)
    finish(result, json_file, versus_table(result))
