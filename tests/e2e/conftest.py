import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.flip_stream import TRAIN_ROWS, write_flip

from driftloop.tools.local.loop import LocalLoop
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.result import result_json
from driftloop.tools.replay.run import replay
from driftloop.tools.verify.comparison import Verified, verify
from driftloop.tools.verify.recorded import Recorded, open_recorded, read_recorded


@pytest.fixture(scope="session")
def drift_csv(tmp_path_factory) -> Path:
    return write_flip(tmp_path_factory.mktemp("streams") / "flip.csv")


@dataclass
class Spectator:
    """An audience that may lay hands on the loop: `kills` names who dies after which row (a block's end)."""

    kills: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    loop: LocalLoop | None = None
    killed: list[int] = field(default_factory=list)
    recorded: Recorded | None = None
    streamed: Verified | None = None

    def ready(self, loop: LocalLoop) -> None:
        self.loop = loop

    def finished(self, loop: LocalLoop) -> None:
        self.recorded = read_recorded(loop.kafka)
        self.streamed = verify(open_recorded(loop.kafka))

    def stage(self, sentence: str) -> None:
        pass

    def message(self, message) -> None:
        pass

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:
        for service in self.kills.get(rows.stop, ()):
            pid = self.loop.supervisor.pids()[service]
            os.kill(pid, signal.SIGKILL)
            self.killed.append(pid)


@pytest.fixture(scope="session")
def play():
    """Replays a file and gives its JSON without the two figures that a clock makes."""

    def played(file: Path, spectator: Spectator | None = None, **options):
        spectator = spectator or Spectator()
        wanted = ReplayOptions(
            **{"file": file, "target": "target", "train_rows": TRAIN_ROWS, "block_rows": 50, **options}
        )
        said = result_json(replay(wanted, spectator, on_ready=spectator.ready, on_end=spectator.finished))
        del said["training_seconds"], said["wall_seconds"]
        return said

    return played


@pytest.fixture(scope="session")
def quiet_witness():
    """Who watched the replay in which nothing died."""
    return Spectator()


@pytest.fixture(scope="session")
def undisturbed(play, drift_csv, quiet_witness):
    """What a replay of the generated stream says when nothing dies."""
    return play(drift_csv, quiet_witness)


@pytest.fixture
def spectator():
    """Makes an audience that kills services once a row was reached."""
    return Spectator
