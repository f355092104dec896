"""`driftloop policy`: policies held against each other on a recorded stream."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Policies, tried on recorded streams.", no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Policies, tried on recorded streams."""


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help="A policy, as `driftloop backtest` names it.")],
    second: Annotated[str, typer.Argument(help="Another.")],
    file: Annotated[str, typer.Argument(help="A table of what happened, or a made stream.")],
    target: Annotated[str | None, typer.Option(help="The column to predict. Default: the last.")] = None,
    train_rows: Annotated[int | None, typer.Option(min=10, help="First rows, for the first model.")] = None,
    block: Annotated[int | None, typer.Option(min=1, help="Rows predicted before a decision.")] = None,
    learner: Annotated[str, typer.Option(help="An installed learner.")] = "random-forest",
    label_delay: Annotated[int, typer.Option(min=0, help="Rows until a label is known.")] = 0,
    price: Annotated[float | None, typer.Option(min=0.0, help="Price of a training, in units of loss.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every fit.")] = 0,
    cache: Annotated[Path, typer.Option(help="Fits are kept here.")] = Path(".driftloop/tools/backtest"),
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Show each decision in which two policies differ, with its reason."""
    from driftloop.tools.backtest.difference import difference
    from driftloop.tools.backtest.opening import open_stream
    from driftloop.tools.backtest.options import BacktestOptions
    from driftloop.tools.replay.choices import Choices

    options = BacktestOptions(
        first=train_rows,
        block=block,
        learner=learner,
        label_delay=label_delay,
        price=price,
        seed=seed,
        cache=cache,
    )
    said = difference(open_stream(file, Choices(target or ""), seed=seed), options, first, second).as_json()
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    for name, figures in said["policies"].items():
        typer.echo(
            f"{name}: mean loss {figures['loss']:.4g}, {figures['retrains']} trainings, {figures['reuses']} reuses"
        )
    for entry in said["differences"]:
        for name in dict.fromkeys((first, second)):
            deed = entry[name]
            text = "lets things be" if deed is None else f"{deed['action']} (rows {deed['learned']}): {deed['reason']}"
            typer.echo(f"row {entry['row']:>7,}  {name}: {text}")


@app.command()
def agree(
    replayed: Annotated[Path, typer.Argument(help="What `driftloop replay --json` wrote.")],
    file: Annotated[Path, typer.Argument(help="The file that was replayed.")],
    target: Annotated[str | None, typer.Option(help="The column to predict. Default: the last.")] = None,
    policy: Annotated[str, typer.Option(help="A policy, as `driftloop backtest` names it.")] = "default-served",
    learner: Annotated[str, typer.Option(help="An installed learner.")] = "random-forest",
    label_delay: Annotated[int, typer.Option(min=0, help="Rows until a label is known.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every fit.")] = 0,
    cache: Annotated[Path, typer.Option(help="Fits are kept here.")] = Path(".driftloop/tools/backtest"),
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Show how far a replay over Kafka and a backtest of the same file decide alike."""
    from driftloop.telemetry.logs import configure_logs
    from driftloop.tools.backtest.agreement import agreement_with
    from driftloop.tools.backtest.opening import open_stream
    from driftloop.tools.backtest.options import BacktestOptions
    from driftloop.tools.replay.choices import Choices

    configure_logs("policy", level="ERROR")
    said = json.loads(replayed.read_text(encoding="utf-8"))
    options = BacktestOptions(learner=learner, label_delay=label_delay, seed=seed, cache=cache)
    found = agreement_with(said, open_stream(str(file), Choices(target or said.get("target") or "")), options, policy)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    typer.echo(f"{found.share:.0%} of the deeds at the same row, {len(found.moved)} moved by a block at most")
    for deed in found.only_replay:
        typer.echo(f"only in the replay: {deed.action} at row {deed.row:,}")
    for deed in found.only_backtest:
        typer.echo(f"only in the backtest: {deed.action} at row {deed.row:,}")
