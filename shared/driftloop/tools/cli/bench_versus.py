"""`driftloop bench versus`: this build beside an earlier one, and its smoke beside what it reached before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from driftloop.errors import ExitCode, UserError
from driftloop.tools.cli.figures import Json, finish, say

CASES = ("help", "up", "cores", "replay")


def versus(
    baseline: Annotated[
        Path | None, typer.Option(help="Folder of the earlier build; a checkout of it is made there if there is none.")
    ] = None,
    json_file: Json = None,
    case: Annotated[
        list[str] | None, typer.Option(help="help, up, cores, replay, or the name of one core; several may be given.")
    ] = None,
    replay: Annotated[list[Path] | None, typer.Option(help="Recorded files that are replayed.")] = None,
    target: Annotated[str, typer.Option(help="The column to predict in them.")] = "target",
    turns: Annotated[int, typer.Option(min=1, help="Runs of each build.")] = 3,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke", help="Without an earlier build: is a ratio or count that was recorded lost? Ends with 1."
        ),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="With --smoke: record what is found as that which was reached.")
    ] = False,
) -> None:
    """What a user waits for, beside an earlier build on the same machine in the same run (Linux)."""
    if smoke:
        _smoke(json_file, record=record)
        return
    if baseline is None:
        raise UserError("--baseline FOLDER is needed (or --smoke, which needs no earlier build).", ExitCode.USAGE)
    from driftloop.tools.bench.versus import Run, bench_versus, versus_table

    found: dict[str, dict[str, list[Any]]] = {}
    runs: dict[str, Run] = dict(_runs(case or CASES, replay or [], target, found))
    result = bench_versus(baseline, runs, turns, say)
    for name, by_build in found.items():
        result["cases"][name]["repeats_are_equal"] = all(one == many[0] for many in by_build.values() for one in many)
    finish(result, json_file, versus_table(result))


def _runs(
    asked: list[str] | tuple[str, ...], files: list[Path], target: str, found: dict[str, dict[str, list[Any]]]
) -> Iterator[tuple[str, Any]]:
    from driftloop.tools.bench.cores import registered
    from driftloop.tools.bench.versus import core_run, help_run, replay_run, up_run

    cores = {case.name: module for module, case in registered() if not case.command}
    if unknown := [one for one in asked if one not in CASES and one not in cores]:
        raise UserError(f"--case is one of {', '.join([*CASES, *cores])}, not {unknown[0]}.", ExitCode.USAGE)
    if "help" in asked:
        yield "help", help_run
    if "up" in asked:
        yield "up", up_run
    for name, module in cores.items():
        if "cores" in asked or name in asked:
            yield name, core_run(module, name)
    for file in files if "replay" in asked else []:
        name = f"replay {file.name.split('.', maxsplit=1)[0]}"
        yield name, replay_run(file, target, found.setdefault(name, {}))


def _smoke(json_file: Path | None, *, record: bool) -> None:
    from driftloop.tools.bench import smoke

    found, counts = smoke.smoke(say), smoke.counts()
    if record:
        smoke.record(found, counts)
    finish(smoke.as_json(found, counts), json_file, smoke.smoke_table(found, counts))
    if not record:
        smoke.raise_if_lost(found, counts)
