"""Each model is fitted once: its losses on every later row are kept on disk, under a hash of all that
they depend on. An interrupted run goes on from what is there."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import process_time

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column, Learner, Model, Step
from driftloop.statistics.losses import row_losses
from driftloop.tools.backtest.stream import Stream

Losses = NDArray[np.float32]
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a model loses on each row from `end` on, and the processor seconds that fitting it took."""

    end: int
    losses: Losses
    seconds: float

    def on(self, first: int, last: int) -> Losses:
        """Losses on rows `first` … `last` - 1; no row before `end` can be asked for."""
        if first < self.end:
            raise ValueError(f"a model that learnt rows up to {self.end} cannot be measured on row {first}")
        return self.losses[first - self.end : last - self.end]


Key = tuple[int, int, int, int]
"""First row learnt, the row after the last, the row until which it is measured, seed."""


@dataclass(slots=True)
class Fits:
    """The fits of one stream by one learner. `name` says which learner, `folder` where they are kept."""

    stream: Stream
    name: str
    learner: Learner
    folder: Path | None = None
    seed: int = 0
    _known: dict[Key, Fitted] = field(default_factory=dict)
    _digest: str = ""
    seconds: float = 0.0
    """Processor seconds spent on fits that were not there yet."""

    def __post_init__(self) -> None:
        self._digest = digest(self.stream)

    def get(self, start: int, end: int, *, until: int | None = None, seed: int | None = None) -> Fitted:
        """The model of rows `start` … `end` - 1, measured on the rows from `end` to `until`."""
        key = self.key(start, end, until, seed)
        if key not in self._known:
            found = self._load(key)
            if found is None:
                found = self._fit(key)
                self._keep(key, found)
            self._known[key] = found
        return self._known[key]

    def fresh(self, start: int, end: int, *, until: int | None = None) -> Fitted:
        """The model of rows `start` … `end` - 1, fitted now and kept on disk only."""
        key = self.key(start, end, until)
        fitted = self._fit(key)
        self._keep(key, fitted)
        return fitted

    def has(self, start: int, end: int, *, until: int | None = None) -> bool:
        """Whether the model of these rows has been fitted before."""
        key = self.key(start, end, until)
        path = self._path(key)
        return key in self._known or (path is not None and path.is_file())

    def adopt(self, start: int, fitted: Fitted) -> None:
        """Take in a fit that another process has made and kept."""
        self._known[self.key(start, fitted.end)] = fitted
        self.seconds += fitted.seconds

    def key(self, start: int, end: int, until: int | None = None, seed: int | None = None) -> Key:
        """What a fit is known by: `until` is the last row unless it is given, `seed` that of all fits."""
        return (start, end, len(self.stream.rows) if until is None else until, self.seed if seed is None else seed)

    def _fit(self, key: Key) -> Fitted:
        start, end, until, seed = key
        began = process_time()
        rows = self.stream.rows.take(slice(start, end))
        model = self.learner.fit(rows, None, warm_start=None, seed=seed, progress=_silent)
        seconds = process_time() - began
        self.seconds += seconds
        return Fitted(end, losses_of(self.stream, model, end, until), seconds)

    def _path(self, key: Key) -> Path | None:
        if self.folder is None:
            return None
        about = json.dumps([_FORMAT, self._digest, self.name, *key])
        name = hashlib.sha256(about.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.npz"

    def _load(self, key: Key) -> Fitted | None:
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as kept:
            return Fitted(key[1], kept["losses"].astype(np.float32), float(kept["seconds"]))

    def _keep(self, key: Key, result: Fitted) -> None:
        path = self._path(key)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = bool(np.all((result.losses == 0) | (result.losses == 1)))
        losses = result.losses.astype(np.uint8) if whole else result.losses
        with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.savez_compressed(file, losses=losses, seconds=np.float64(result.seconds))
        Path(file.name).replace(path)


def losses_of(stream: Stream, model: Model, start: int, end: int) -> Losses:
    """What `model` loses on each of the rows `start` … `end` - 1."""
    if start == end:
        return np.empty(0, dtype=np.float32)
    rows = stream.rows.take(slice(start, end))
    return row_losses(stream.spec.target, model.predict(rows).fields, rows.labels).astype(np.float32)


def digest(stream: Stream) -> str:
    """A hash of the spec and of every value of the stream."""
    total = hashlib.sha256(stream.spec.model_dump_json().encode())
    for name, column in (*stream.rows.features.items(), *stream.rows.labels.items()):
        total.update(name.encode())
        total.update(_bytes(column))
    return total.hexdigest()


def _bytes(column: Column) -> bytes:
    return json.dumps(column.tolist()).encode() if column.dtype == object else column.tobytes()


def _silent(_step: Step) -> None:
    pass
