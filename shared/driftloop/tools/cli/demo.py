"""`driftloop demo`: the closed loop in a made world, in a minute or two."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers
from driftloop.tools.cli.outputs import JsonFile, words_on, write_json

if TYPE_CHECKING:
    from driftloop.tools.simulation.scenario import Scenario


def demo(
    scenario: Annotated[
        str, typer.Option(help="The world: plant, agents, feedback, documents or server-metrics.")
    ] = "plant",
    json_file: JsonFile = None,
    home: Annotated[Path, typer.Option(help="The folder of driftloop; the demo gets demo/ in it.")] = DEFAULT_HOME,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Watch the closed loop: a world drifts, its model is retrained, proven, promoted, and good again.

    A real Kafka and the real services run for the time of the demo, one demo at a time in a home; the report stays
    in HOME/demo/report.html. Exit code 1 where the demo did not show what it has to; figures in ms, which depend on
    the machine, are shown and do not count.
    """
    from driftloop.tools.local.home import alone
    from driftloop.tools.simulation.scenarios import scenario as scenario_named

    world, folder = scenario_named(scenario), (home / "demo").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    taken = f"A demo already runs in {folder}; wait until it has ended, or choose another folder with --home."
    with alone(folder / "lock", taken):
        said = _play(scenario, world, folder, json_file, bootstrap_servers)
    if not all(claim["holds"] for name, claim in said["claims"].items() if not name.endswith("_ms")):
        raise typer.Exit(1)


def _play(
    scenario: str, world: "Scenario", folder: Path, json_file: Path | None, bootstrap_servers: str | None
) -> dict[str, Any]:
    """Run the world in a loop of its own, of which nothing is there yet, and show what came of it."""
    started = time.monotonic()

    from driftloop.tools.cli.live import LiveAudience
    from driftloop.tools.replay.options import ReplayOptions
    from driftloop.tools.replay.run import replay
    from driftloop.tools.reports.demo_page import demo_page
    from driftloop.tools.reports.page import write_page
    from driftloop.tools.reports.scenario_page import scenario_page
    from driftloop.tools.simulation.scenario import scenario_json

    console = words_on(json_file)
    shutil.rmtree(folder / "loop", ignore_errors=True)
    recording = world.recording()
    with LiveAudience(console, len(recording), error_word="error") as audience:
        result = replay(
            ReplayOptions(Path(scenario), target=next(iter(recording.spec.target))),
            audience,
            home=folder / "loop",
            bootstrap_servers=bootstrap_servers,
            recording=recording,
        )
    report = folder / "report.html"
    write_page(demo_page(result) if scenario == "plant" else scenario_page(world, result), report)
    said = scenario_json(world, result, time.monotonic() - started)  # after the page, whose claims train too
    _tell(console, world.story(result), said, report)
    if json_file:
        write_json(said, json_file)
    return said


def _tell(console: Any, story: list[str], said: dict[str, Any], report: Path) -> None:
    console.print()
    for sentence in story:
        console.print(sentence, highlight=False)
        console.print()
    for name, claim in said["claims"].items():
        mark = "[green]yes[/]" if claim["holds"] else "[red]no [/]"
        console.print(f"{mark} {name.replace('_', ' ')}: {claim['seen']} (wanted {claim['wanted']})", highlight=False)
    console.print(
        f"It took {said['wall_seconds']:.0f} s. The pictures are in {report.absolute()}",
        highlight=False,
        soft_wrap=True,
    )
