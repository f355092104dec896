"""What loss is attainable now: told by cheap models of the newest rows, and by the champion's twin.

Why here: the payoff rule must know what a run would bring before anybody pays for one. Scoring sees
every labelled row already, and a tree of 500 of them takes milliseconds. Cheap models are fitted anew
after a fixed number of labelled rows, never by frame or by clock, so a replay gives the same losses.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from driftloop.codec.frames import decode_frame
from driftloop.cores.record_fields import value_bytes
from driftloop.learners.probe import TWINS, Probe, refit_rows, windows_of
from driftloop.learners.protocol import Model, Rows
from driftloop.learners.targets import known_labels
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import policy_in_force
from driftloop.statistics.losses import row_losses
from trainer_worker.core.score.frame_rows import LabelledRows, labelled_rows
from trainer_worker.core.score.ports import FrameLog, LearntRows
from trainer_worker.core.score.recent_rows import RecentRows
from trainer_worker.core.score.versions import Scored

Floats = NDArray[np.float64]
_FEWEST_ROWS = 100
_TWINS_KEPT = 256
_FEWEST_TO_FIT = 10


def goes_by_attainable(spec: ModelSpec) -> bool:
    """Whether the model's policy asks what is attainable now."""
    if spec.forecast is not None:
        return False  # a tree of five hundred rows attains nothing of a series
    triggers = policy_in_force(spec.policy).triggers
    return triggers.payoff is not None and triggers.attainable


class Progress(BaseModel):
    """How far a model's rows were read: what is needed to take up again after a restart.

    `origin` is how many labelled rows there were when the first version was seen to serve, and
    `first_rows` how many that version had learnt: the largest of the windows. `oldest` is the
    frame that holds the oldest row still needed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = 0
    origin: int | None = None
    first_rows: int = 0
    oldest: int = 0

    def windows(self, maximum_rows: int) -> tuple[int, ...]:
        """The windows that could be trained on, as a backtest has them.

        >>> Progress(rows=3000, origin=1200, first_rows=1000).windows(1500)
        (250, 500, 1000)
        """
        if self.origin is None:
            return ()
        return windows_of(max(self.first_rows, _FEWEST_ROWS), maximum_rows)

    def pieces(self, windows: tuple[int, ...], rows: int) -> Iterator[tuple[int, int, int]]:
        """How the next `rows` rows are cut: (first, end, rows since the cheap models were due to be fitted).

        >>> list(Progress(rows=130, origin=100, first_rows=100).pieces((50, 100, 200), 30))
        [(0, 20, 5), (20, 30, 0)]
        """
        start = 0
        while start < rows:
            if self.origin is None:
                yield start, rows, 0
                return
            every = refit_rows(windows)
            done = (self.rows + start - self.origin) % every
            end = min(rows, start + every - done)
            yield start, end, done
            start = end


@dataclass(frozen=True, slots=True)
class _Fit:
    """Cheap models that are due: of which spec and windows, before the model's labelled row `rows`."""

    spec: ModelSpec
    windows: tuple[int, ...]
    rows: int


class _Memory:
    """The rows and cheap models of one model, made anew from the log after a restart.

    `due` is what the next labelled row will ask for first, `ahead` those models where they were fitted before it came.
    """

    def __init__(self) -> None:
        self.recent = RecentRows()
        self.fresh: dict[int, Model] | None = None
        self.due: _Fit | None = None
        self.ahead: dict[int, Model] | None = None

    def fitted(self, fit: _Fit, leave: int) -> dict[int, Model]:
        """The models, fitted now unless they were ahead."""
        if leave == 0 and self.ahead is not None and self.due == fit:
            return self.ahead
        return _fitted(fit.spec, self.recent, fit.windows, leave=leave)


@dataclass(frozen=True, slots=True)
class _Twins:
    """Cheap models of what a version learnt, and how many rows that were."""

    rows: int = 0
    models: tuple[Model, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A frame, and the offset up to which its partition was read before it."""

    partition: int
    offset: int
    read_until: int


class Attainable:
    """Cheap models of every model whose policy asks for them."""

    def __init__(self, log: FrameLog, learnt: LearntRows) -> None:
        self._log = log
        self._learnt = learnt
        self._memory: dict[tuple[int, str], _Memory] = {}
        self._twins: OrderedDict[str, _Twins] = OrderedDict()

    def forget(self, partition: int) -> None:
        """Let the rows of a partition go."""
        for key in [key for key in self._memory if key[0] == partition]:
            del self._memory[key]

    def begin_anew(self, partition: int, model_id: str) -> None:
        """Forget what is held of a model: a frame was taken in by half. Its rows are read from the log again."""
        self._memory.pop((partition, model_id), None)

    def take(
        self, place: Place, spec: ModelSpec, progress: Progress, found: LabelledRows, champion: Scored | None
    ) -> tuple[Progress, dict[int, Floats]]:
        """Take in the labelled rows of a frame.

        Gives how far that is, and what the cheap model of each window loses on each judged row, the
        rows before it being all that it was fitted to.
        """
        memory = self._recalled(place, spec, progress)
        if champion is not None and progress.origin is None:
            learnt = self._twins_of(champion, spec).rows or progress.rows
            progress = progress.model_copy(update={"origin": progress.rows, "first_rows": learnt})
        windows = progress.windows(spec.training.maximum_rows)
        losses = {window: np.full(len(found.rows), np.nan) for window in windows}
        for start, end, done in progress.pieces(windows, len(found.rows)):
            piece = found.rows.take(slice(start, end))
            if memory.recent.differ(piece):
                memory.fresh = {}  # they know another target, or other features
            if done == 0 or memory.fresh is None:
                memory.fresh = memory.fitted(_Fit(spec, windows, progress.rows + start), done)
            for window, model in memory.fresh.items():
                losses[window][start:end] = _losses(model, spec, piece)
            memory.recent.push(place.offset, piece, _needed(windows, spec))
        if len(found.rows):
            memory.due, memory.ahead = _due(spec, progress, windows, progress.rows + len(found.rows)), None
        oldest = memory.recent.oldest_frame
        after = progress.model_copy(
            update={"rows": progress.rows + len(found.rows), "oldest": progress.oldest if oldest is None else oldest}
        )
        return after, {window: told[found.judged] for window, told in losses.items()}

    @property
    def is_behind(self) -> bool:
        """Whether cheap models are due that were not fitted: the next frame of theirs would wait for it."""
        return any(memory.due is not None and memory.ahead is None for memory in self._memory.values())

    def fit_ahead(self) -> None:
        """Fit the cheap models of one model that are due; of rows that cannot be learnt from its next frame tells."""
        for memory in self._memory.values():
            if memory.due is not None and memory.ahead is None:
                fit = memory.due
                try:
                    memory.ahead = _fitted(fit.spec, memory.recent, fit.windows, leave=0)
                except Exception:  # noqa: BLE001  (it is raised once more where it is needed, and that frame is buried)
                    memory.due = None
                return

    def twin(self, champion: Scored, spec: ModelSpec, rows: Rows) -> Floats | None:
        """The mean loss, row by row, of cheap models that learnt what the champion learnt.

        None where the champion's rows cannot be read any more.
        """
        told = [_losses(model, spec, rows) for model in self._twins_of(champion, spec).models]
        return np.asarray(np.mean(told, axis=0), dtype=np.float64) if told else None

    def _twins_of(self, champion: Scored, spec: ModelSpec) -> _Twins:
        key = f"{champion.artifact} {sorted(spec.target)}"
        found = self._twins.get(key)
        if not champion.artifact:
            return _Twins()
        if found is None:
            learnt = self._learnt.rows(champion.artifact, champion.sha256, spec)
            if learnt is None:
                return _Twins()
            found = _Twins(len(learnt), tuple(Probe(spec).fit(learnt, seed=seed) for seed in range(TWINS)))
            self._twins[key] = found
            while len(self._twins) > _TWINS_KEPT:
                self._twins.popitem(last=False)
        self._twins.move_to_end(key)
        return found

    def _recalled(self, place: Place, spec: ModelSpec, progress: Progress) -> _Memory:
        """The memory of a model; after a restart its rows are read from the frames once more."""
        key = (place.partition, spec.model_id)
        if key in self._memory:
            return self._memory[key]
        memory = self._memory[key] = _Memory()
        if progress.rows:
            limit = _needed(progress.windows(spec.training.maximum_rows), spec)
            for record in self._log.between(spec.model_id, place.partition, progress.oldest, place.read_until):
                try:
                    frame = decode_frame(value_bytes(record), record.headers())
                except ValueError:
                    continue  # it was buried when it was scored
                memory.recent.push(record.offset(), labelled_rows(frame, spec).rows, limit)
        return memory


def _needed(windows: tuple[int, ...], spec: ModelSpec) -> int:
    """Rows to keep: the widest window, and those that came since the cheap models were fitted."""
    return max(windows) + refit_rows(windows) if windows else spec.training.maximum_rows


def _due(spec: ModelSpec, progress: Progress, windows: tuple[int, ...], rows: int) -> _Fit | None:
    """What the first of the next rows will ask for, if so many rows end where models are fitted anew."""
    if progress.origin is None or (rows - progress.origin) % refit_rows(windows):
        return None
    return _Fit(spec, windows, rows)


def _fitted(spec: ModelSpec, recent: RecentRows, windows: tuple[int, ...], leave: int) -> dict[int, Model]:
    """A cheap model for each window, of the rows before the `leave` newest; none of too few rows."""
    if recent.held - leave < _FEWEST_TO_FIT:
        return {}
    newest = {window: _known(spec, recent.newest(window, leave=leave)) for window in windows}
    return {window: Probe(spec).fit(rows, seed=0) for window, rows in newest.items() if len(rows) >= _FEWEST_TO_FIT}


def _known(spec: ModelSpec, rows: Rows) -> Rows:
    """The rows with every label."""
    known = known_labels(rows, spec.target)
    return rows if known.all() else rows.take(np.flatnonzero(known))


def _losses(model: Model, spec: ModelSpec, rows: Rows) -> Floats:
    return row_losses(spec.target, model.predict(rows).fields, rows.labels)
