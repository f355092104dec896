"""One model: its rows in order, what watches their columns and what watches their losses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drift_detection.core.columns import ColumnWatch
from drift_detection.core.concerns import WORDS, changed_parts
from drift_detection.core.findings import Findings, References
from drift_detection.core.kept.texts import KeptTexts
from drift_detection.core.labels.label_delays import LabelDelays
from drift_detection.core.losses.loss_watch import LossWatch
from drift_detection.core.losses.metrics_of import model_metrics
from drift_detection.core.losses.ratings import Ratings
from drift_detection.core.losses.variants import VariantAnswersByChannel
from drift_detection.core.migrations import LAYOUT
from drift_detection.core.monitors.budget import Budget
from drift_detection.core.monitors.combined import CombinedAlarm, CombinedLatch
from drift_detection.core.monitors.monitor import ModelMonitor
from drift_detection.core.monitors.monitor_set import MonitorSet
from drift_detection.core.row_index import RowIndex, Step, Steps
from drift_detection.core.rows import FrameRows, feedback_rows
from driftloop.cores.checkpoints import Link
from driftloop.cores.version_order import age_order, is_numbered
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import policy_in_force


class WatchedModel:
    """All that detection knows of a model. A function of its frames, specs and profiles.

    `references` gives the reference of a version, or None where it has no profile.
    """

    def __init__(self, spec: ModelSpec, spec_version: int) -> None:
        self.spec_version = spec_version
        self.roster = MonitorSet(spec)
        self.losses = LossWatch(self.roster)
        self._columns = ColumnWatch(self.roster, self._step)
        self.trail = RowIndex()
        self.labelled_rows = self.feedback_rows = 0
        self.corrections = 0
        self.delays = LabelDelays()
        self.combined = CombinedLatch(policy_in_force(spec.policy).combined_limit)
        self.variants = VariantAnswersByChannel(spec.variants)
        self.ratings = Ratings()
        self.watermark = 0
        self.published: dict[str, float] = {}
        """The metrics of the whole model as they were last published."""
        self.begun_anew: dict[str, tuple[int, int]] = {}
        """Part of the spec that changed → the spec's version, and the labelled row from which on it holds."""
        self.newest_checkpoint: Link | None = None
        """The newest one that was published; None: none was."""
        self._first_of_frame = 0

    @property
    def spec(self) -> ModelSpec:
        """What is declared about the model."""
        return self.roster.spec

    @property
    def version(self) -> str | None:
        """The version that statuses are about: the judged one, or the serving one while none is judged."""
        return self.roster.judged.current or self.roster.serving.current

    @property
    def monitors(self) -> Mapping[str, ModelMonitor]:
        """Of the whole model (empty) and of its segments."""
        return self.roster.monitors

    @property
    def budget(self) -> Budget:
        """The model's budget of false alarms at the rows that come."""
        return self.roster.budget

    def change_spec(self, spec: ModelSpec, spec_version: int) -> None:
        """Another spec: what it changes for detection begins anew with its settings; all else goes on."""
        changed, self.spec_version = changed_parts(self.spec, spec), spec_version
        self.roster.change_spec(spec, changed, spec_version)
        self.losses.change_spec(changed)
        self.combined.change(policy_in_force(spec.policy).combined_limit)
        self.variants.change(spec.variants, anew="target" in changed)
        for part in sorted(changed & WORDS.keys()):
            self.begun_anew[part] = spec_version, self.labelled_rows

    def take(self, rows: FrameRows, references: References) -> Findings:
        """Take in a frame; `end` must be called when its findings have been dealt with."""
        found = Findings()
        self._count(rows)
        self.losses.maturity.see(rows.predicted_at[rows.seen])
        self._columns.take(rows, references, found)
        self.losses.take(rows, self._first_of_frame, references, found)
        self.variants.take(rows)
        self.ratings.take(rows)
        found.numbered_elsewhere = _numbered_elsewhere(rows, references, self.version)
        self.corrections += int(rows.is_correction.sum())
        self.delays.push((rows.labelled_at - rows.predicted_at)[rows.joined])
        self._look_at_the_sum(rows, found)
        return found

    def _look_at_the_sum(self, rows: FrameRows, found: Findings) -> None:
        """The combined score as of the frame's last row that was predicted, where the policy limits it."""
        if self.combined.limit is None or not len(rows.seen):
            return
        scores = model_metrics(self.monitors[""])
        if "combined_score" in scores and self.combined.look(scores["combined_score"]):
            weights = self.monitors[""].combined_weights
            parts = {name: round(weight * scores.get(name, 0.0), 9) for name, weight in weights.items()}
            alarm = CombinedAlarm(scores["combined_score"], self.combined.limit, parts)
            found.combined = alarm, self._step(rows, int(rows.seen[-1]))

    def end(self) -> None:
        """The frame's findings have been dealt with."""
        self.trail.end(self.labelled_rows)
        self.losses.end(self.labelled_rows)
        self.roster.end()

    def _count(self, rows: FrameRows) -> None:
        """Number the labelled rows: those of this frame begin at `_first_of_frame`."""
        labelled = np.flatnonzero(rows.labelled)
        first = self._first_of_frame = self.labelled_rows

        def names(numbers: Sequence[int]) -> Sequence[Step]:
            held = np.asarray(numbers, dtype=np.int64)
            held = held[held - first < len(labelled)]
            which = labelled[held - first]
            return Steps(held, KeptTexts.at(rows.batch.column("prediction_id"), which), rows.known_at[which])

        self.trail.begin(first, names)
        self.labelled_rows += len(labelled)
        self.feedback_rows += feedback_rows(rows.batch)
        latest = max(int(rows.predicted_at.max()), int(rows.labelled_at.max()))
        self.watermark = max(self.watermark, latest)

    def _step(self, rows: FrameRows, row: int) -> Step:
        """A row as it is named in a signal on columns: by its number among the labelled rows up to it."""
        number = self._first_of_frame + max(int(rows.labelled[: row + 1].sum()) - 1, 0)
        return Step(number, str(rows.batch.column("prediction_id")[row].as_py()), int(rows.predicted_at[row]))

    def snapshot(self) -> dict[str, Any]:
        """All that frames have left behind."""
        return {
            "layout": LAYOUT,
            "spec_version": self.spec_version,
            "counts": [self.labelled_rows, self.feedback_rows, self.corrections, self.watermark],
            "trail": self.trail.snapshot(),
            "delays": self.delays.snapshot(),
            "roster": self.roster.snapshot(),
            "losses": self.losses.snapshot(),
            "begun_anew": {part: [*since] for part, since in self.begun_anew.items()},
            **({"combined": True} if self.combined.alarmed else {}),
            **({"variants": self.variants.published()} if self.variants.channels else {}),
            **({"ratings": ratings} if (ratings := self.ratings.snapshot()) else {}),
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off.

        A snapshot of a layout that cannot be read gives the number of labelled rows and the newest moment, which
        signals are named by: rows must not be numbered twice. All else begins anew, and the status says so.
        """
        if state.get("layout") != LAYOUT:
            counts = state.get("counts") or [state.get("labelled_rows", 0), 0, 0, state.get("watermark", 0)]
            self.labelled_rows, self.watermark = counts[0], counts[3]
            self.begun_anew["snapshot"] = self.spec_version, self.labelled_rows
            return
        self.labelled_rows, self.feedback_rows, self.corrections, self.watermark = state["counts"]
        self.trail.restore(state["trail"])
        self.delays.restore(state["delays"])
        self.combined.alarmed = state.get("combined", False)
        self.variants.restore(state.get("variants", {}))
        self.ratings.restore(state.get("ratings", {}))
        self.roster.restore(state["roster"], references)
        self.losses.restore(state["losses"], references)
        self.begun_anew = {part: (version, row) for part, (version, row) in state["begun_anew"].items()}


def _numbered_elsewhere(rows: FrameRows, references: References, but: str | None) -> str | None:
    _, names = rows.versions
    named_alike = (one for one in names if one != but and is_numbered(one) and references[one] is None)
    return max(named_alike, key=age_order, default=None)
