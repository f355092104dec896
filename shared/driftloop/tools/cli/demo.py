"""`driftloop demo`: the closed loop on a simulated plant, in about a minute."""

import json
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from driftloop.tools.cli.connection import DEFAULT_HOME, BootstrapServers


def demo(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    home: Annotated[Path, typer.Option(help="The folder of driftloop; the demo gets demo/ in it.")] = DEFAULT_HOME,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Watch the closed loop: a plant drifts, its model is retrained, proven, promoted, and good again.

    A real Kafka and the real services run for the time of the demo; the report stays in
    HOME/demo/report.html.
    """
    started = time.monotonic()
    from rich.console import Console

    from driftloop.tools.cli.live import LiveAudience
    from driftloop.tools.replay.options import ReplayOptions
    from driftloop.tools.replay.run import replay
    from driftloop.tools.reports.demo_page import demo_page
    from driftloop.tools.reports.page import write_page
    from driftloop.tools.simulation.demo import demo_json, demo_plant, demo_recording, demo_story

    console = Console()
    folder = home / "demo"
    shutil.rmtree(folder / "loop", ignore_errors=True)
    recording = demo_recording(demo_plant())
    with LiveAudience(console, len(recording), error_word="error") as audience:
        result = replay(
            ReplayOptions(Path("plant"), target="d50"),
            audience,
            home=folder / "loop",
            bootstrap_servers=bootstrap_servers,
            recording=recording,
        )
    seconds = time.monotonic() - started
    report = folder / "report.html"
    write_page(demo_page(result), report)
    console.print()
    for sentence in demo_story(result):
        console.print(sentence, highlight=False)
        console.print()
    console.print(f"It took {seconds:.0f} s. The pictures are in {report.absolute()}", highlight=False, soft_wrap=True)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(demo_json(result, seconds), indent=2) + "\n")
