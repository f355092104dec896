"""The folder that holds all that the local mode keeps: stop it, start it, nothing is gone."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftloop.errors import UserError


@contextmanager
def alone(file: Path, taken: str) -> Iterator[None]:
    """Hold a lock file, which is made; raises UserError with the sentence `taken` where another process holds it."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(taken) from error
        yield


@dataclass(frozen=True, slots=True)
class Home:
    """Where the parts of a local loop keep their things; `Home(Path(".driftloop"))` by default.

    >>> Home(Path("/srv/loop")).artifacts.as_posix()
    '/srv/loop/artifacts'
    """

    root: Path

    @property
    def kafka(self) -> Path:
        """The broker's data."""
        return self.root / "kafka"

    @property
    def lake(self) -> Path:
        """The Delta table of labelled rows."""
        return self.root / "lake"

    @property
    def artifacts(self) -> Path:
        """One folder a version, by model."""
        return self.root / "artifacts"

    @property
    def runs(self) -> Path:
        """One folder a run of a command, while it runs and for its logs."""
        return self.root / "runs"

    @property
    def registry(self) -> Path:
        """The SQLite file of the registry view."""
        return self.root / "registry.db"

    @property
    def console(self) -> Path:
        """What the console's Faust keeps; it may be thrown away."""
        return self.root / "console"

    @property
    def tokens(self) -> Path:
        """Who may enter the console; everybody on this machine where it is not there."""
        return self.root / "console-tokens.yaml"

    @property
    def notifications(self) -> Path:
        """Who is told of what; nobody where it is not there."""
        return self.root / "notifications.yaml"

    @property
    def logs(self) -> Path:
        """One file a service."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is only true while something runs here: the lock, ports and process ids."""
        return self.root / "run"

    def make(self) -> "Home":
        """Make the folders, with an absolute root; raises UserError where that is not allowed."""
        there = Home(self.root.absolute())
        try:
            for folder in (there.kafka, there.artifacts, there.logs, there.run):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"The folder {there.root} cannot be made: {error.strerror}.") from error
        return there

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold this home for one loop; raises UserError where another one runs in it."""
        taken = f"driftloop already runs in {self.root}; stop that one, or choose another folder with --home."
        with alone(self.run / "lock", taken):
            yield

    def write_running(self, state: dict[str, Any]) -> None:
        """Say what runs here; readers see the old state or the new one, never half of it."""
        new = self.run / "up.json.new"
        new.write_text(json.dumps(state, indent=2))
        new.replace(self.run / "up.json")

    def running(self) -> dict[str, Any] | None:
        """What was last said to run here, or None."""
        path = self.run / "up.json"
        if not path.is_file():
            return None
        state: dict[str, Any] = json.loads(path.read_text())
        return state

    def clear_running(self) -> None:
        """Nothing runs here any more."""
        (self.run / "up.json").unlink(missing_ok=True)
