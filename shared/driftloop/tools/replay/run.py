"""A replay from file to result: a loop is started for it, and gone afterwards."""

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from driftloop.errors import UserError
from driftloop.kafka.admin.removal import remove_prefixed
from driftloop.tools.local.home import Home
from driftloop.tools.local.launching import Launcher
from driftloop.tools.local.loop import LocalLoop, local_loop
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.player import Audience, Pace, Player
from driftloop.tools.replay.recording import Recording, open_recording
from driftloop.tools.replay.result import ReplayResult, replay_result
from driftloop.tools.replay.wire import KafkaWire

PACE = {
    "DRIFTLOOP_KAFKA_MARKER_COMMIT_MS": "500",
    "DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_LINGER_MS": "200",
}
"""Nobody waits for markers here (`driftloop.kafka.admin.rest`), so a block costs each service one commit, not two; and
a run awaits its rows in the archive, which therefore need not commit every block by itself."""


@contextmanager
def replay_loop(
    home: Path | None,
    bootstrap_servers: str | None,
    progress: Callable[[str], None],
    learner: str,
    launcher: Launcher | None = None,
) -> Iterator[LocalLoop]:
    """A fresh loop for one replay.

    Without `home` it lives in a temporary folder; with it everything is kept there, and the folder
    must not hold a loop already. On a named cluster it has topics of its own, under a prefix that
    nobody else has, and removes them afterwards.
    """
    if home is not None and (home / "run").exists():
        raise UserError(f"{home} holds a loop already: a replay needs a new folder.", 2)
    prefix = f"replay-{secrets.token_hex(4)}-" if bootstrap_servers else ""
    with tempfile.TemporaryDirectory(prefix="driftloop-") as scratch:
        loop = local_loop(
            Home(home or Path(scratch)),
            bootstrap_servers=bootstrap_servers,
            topic_prefix=prefix,
            keep_kafka=home is not None,
            warm=(learner,),
            environment=PACE,
            launcher=launcher,
            thrown_away=home is None and not bootstrap_servers,  # a cluster would miss members that are killed
            progress=progress,
        )
        with loop as running:
            yield running
            kafka = running.kafka
        if prefix:
            remove_prefixed(kafka)


def replay(
    options: ReplayOptions,
    audience: Audience,
    *,
    home: Path | None = None,
    bootstrap_servers: str | None = None,
    recording: Recording | None = None,
    launcher: Launcher | None = None,
    on_ready: Callable[[LocalLoop], None] = lambda _loop: None,
    on_end: Callable[[LocalLoop], None] = lambda _loop: None,
) -> ReplayResult:
    """Play a file through a loop of its own; raises UserError with one sentence where that cannot be.

    `launcher` is one whose imports have begun, if there is one. `on_ready` is handed the loop before the first row,
    `on_end` after the last, while it still runs.
    """
    recording = recording or open_recording(options)
    started = time.monotonic()
    with replay_loop(home, bootstrap_servers, audience.stage, recording.spec.learner.name, launcher) as loop:
        on_ready(loop)
        delay = options.label_delay_rows or recording.label_delay_rows
        pace = Pace(options.pace, options.rows_per_second(), delay)
        canary = recording.spec.challenge.mode == "canary"
        with KafkaWire(recording.spec.model_id, loop.kafka, loop.check, audience.message, canary=canary) as wire:
            played = Player(recording, wire, pace, audience).play()
        on_end(loop)
        broker = loop.broker
    return replay_result(recording, played, broker, time.monotonic() - started)
