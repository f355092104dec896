import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from driftloop.tools.local.loop import LocalLoop
from driftloop.tools.replay.options import ReplayOptions
from driftloop.tools.replay.result import result_json
from driftloop.tools.replay.run import replay
from driftloop.tools.verify.comparison import Verified, verify
from driftloop.tools.verify.recorded import Recorded, open_recorded, read_recorded

TRAIN_ROWS, DRIFT_ROW, ROWS = 400, 900, 1800


@pytest.fixture(scope="session")
def drift_csv(tmp_path_factory) -> Path:
    """Two classes from three features, five in a hundred labels wrong. At row 900 another regime begins:
    the first feature lies elsewhere, and there the classes have changed places."""
    random = np.random.default_rng(11)
    features = random.normal(size=(ROWS, 3)).round(4)
    label = (features[:, 0] + 0.5 * features[:, 1] > 0) ^ (random.random(ROWS) < 0.05)
    label[DRIFT_ROW:] = ~label[DRIFT_ROW:]
    features[DRIFT_ROW:, 0] = (features[DRIFT_ROW:, 0] + 3.0).round(4)
    lines = [f"{a},{b},{c},{int(y)}" for (a, b, c), y in zip(features, label, strict=True)]
    path = tmp_path_factory.mktemp("streams") / "flip.csv"
    path.write_text("\n".join(["a,b,c,target", *lines]) + "\n")
    return path


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
