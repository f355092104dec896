"""What shares a model's labelled rows besides the judged version: other versions, and rows that nobody judges.

Also here, because it goes by the version too: whether labels come for some predictions rather than for others.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from drift_detection.core.findings import Findings, References
from drift_detection.core.labels.selection import (
    LabelledClasses,
    PredictedClasses,
    applies,
    by_name,
    counted,
    exceeds,
    expected_loss,
    is_selected,
)
from drift_detection.core.losses.judging import Excuser, ScopedLosses
from drift_detection.core.losses.labelled_rows import LabelledRows
from drift_detection.core.losses.measures import OF_CLASSES
from drift_detection.core.monitors.error_monitor import Alarm, ErrorMonitor, Excused, losses_are_binary
from drift_detection.core.monitors.monitor_set import MonitorSet
from drift_detection.core.monitors.other_versions import OtherVersions
from drift_detection.core.rows import FrameRows
from driftloop.contracts.model_profiles import LossProfile

SAID = OF_CLASSES.index("said")


class VersionSharing:
    """Judges the rows of versions beside the judged one, and knows for which predictions labels come.

    `unjudged` counts labelled rows that nobody judges, by reason: `late` labels of a version that was replaced,
    `no_loss` where label and prediction give none, `pseudo` where a model gave the label,
    `versions` beyond those that are watched, `spec_changed`
    where a spec changed while rows waited for their version to be judged.
    """

    def __init__(self, roster: MonitorSet) -> None:
        self._roster = roster
        self.others = OtherVersions(roster)
        self.unjudged: Counter[str] = Counter()
        self._predicted = PredictedClasses()
        self._labelled = LabelledClasses()
        self._since = 0
        """When the first row of the judged version was predicted, in milliseconds."""
        self._asks = self._applies()
        self._frame: FrameRows | None = None

    def _applies(self) -> bool:
        return losses_are_binary(self._roster.spec) and applies(self._roster.spec)

    def begin(self, rows: FrameRows, first_row: int, references: References) -> None:
        """A frame is in hand."""
        self._frame, self._first_row, self._references = rows, first_row, references
        self._believed = first_row
        pseudo = int(rows.pseudo[rows.joined].sum())
        self.unjudged["no_loss"] += len(rows.joined) - len(rows.judged) - pseudo
        if pseudo:
            self.unjudged["pseudo"] += pseudo

    def end(self) -> None:
        """The frame has been dealt with, and is let go."""
        if self._asks:
            self._predicted.end(self._rows)
        self._frame = None

    @property
    def _rows(self) -> FrameRows:
        """The frame in hand."""
        assert self._frame is not None
        return self._frame

    def change(self, version: str, since: int, believed: int) -> None:
        """Another version is judged, with the labelled row `believed`; its first row was predicted at `since`."""
        self.others.forget(version)
        self._since, self._believed, self._labelled = since, believed, LabelledClasses()

    def change_spec(self, changed: Collection[str]) -> None:
        """The roster has another spec, in these parts."""
        self._asks = self._applies()
        if {"target", "error detector"} & {*changed}:
            self.others = OtherVersions(self._roster)
        if "target" in changed:
            self._predicted, self._labelled = PredictedClasses(), LabelledClasses()
        self.declare_errors()

    def declare_errors(self) -> None:
        """Another number of labelled rows a month is to be expected."""
        self.others.declare()

    def count(self, judged: LabelledRows) -> None:
        """Rows of the judged version were dealt with."""
        if self._asks:
            self._labelled.push(judged.measures[SAID])

    def push(self, version: str, judged: LabelledRows, found: Findings) -> None:
        """Rows of a version that shares traffic with the judged one."""
        roster = self._roster
        if roster.judged.was_current(version):
            live = np.flatnonzero(judged.at - judged.lag > self._since)
            self.unjudged["late"] += len(judged) - len(live)
            judged = judged.pick(live)
        if not len(judged):
            return
        newest = int(judged.rows[-1])
        one = self.others.of(version, newest, self._references)
        if one is None:
            self.unjudged["versions"] += len(judged)
            return
        excuse = self._excuser_of(one.errors, version, one.labelled, one.known, judged)
        found.harms.extend(ScopedLosses(judged, None, "", version).judge(one.errors, (), excuse, beside=True))
        one.last_row = newest
        if self._asks:
            one.labelled.push(judged.measures[SAID])

    # -- labels that come for some predictions only --------------------------------------------------

    def excuser(self, errors: ErrorMonitor, segment: str, judged: LabelledRows) -> Excuser | None:
        """What is asked about alarms on rows of the judged version: of a segment too, by the whole model's rows."""
        reference = self._roster.judged_reference
        known = {} if segment or reference is None else dict(reference.profile.loss_by_prediction)
        return self._excuser_of(errors, self._roster.judged.current or "", self._labelled, known, judged)

    def _excuser_of(
        self,
        errors: ErrorMonitor,
        version: str,
        labelled: LabelledClasses,
        known: dict[str, LossProfile],
        judged: LabelledRows,
    ) -> Excuser | None:
        if not self._asks:
            return None

        def excuse(alarm: Alarm, row: int) -> Excused | None:
            said, names = judged.measures[SAID, : row + 1], self._roster.classes.names
            predicted = self._predicted.of(version, self._rows, self._place(int(judged.rows[row]), version))
            if not is_selected(by_name(labelled.counts + counted(said), names), predicted):
                return None
            classes = by_name(labelled.since(said, alarm.onset_rows_ago), names)
            return self._excused(errors, alarm, expected_loss(classes, known))

        return excuse

    @staticmethod
    def _excused(errors: ErrorMonitor, alarm: Alarm, expected: LossProfile | None) -> Excused | None:
        """Where the loss is what these classes let expect; once, where the profile does not know them."""
        if expected is None:
            return Excused(None) if errors.excused is None else None
        return None if exceeds(alarm.current, alarm.onset_rows_ago, expected) else Excused(expected)

    def _place(self, number: int, version: str) -> int:
        """The place in the frame up to which predictions count for the labelled row `number`.

        Rows of the judged version that waited count where they were judged; those of others with the row that
        showed that they were not to be judged: so it is the same however frames cut the rows.
        """
        rows, labelled = self._rows, np.flatnonzero(self._rows.labelled)
        if version == self._roster.judged.current:
            return int(labelled[max(number, self._believed) - self._first_row])
        place = int(labelled[number - self._first_row]) if number >= self._first_row else -1
        codes, names = rows.versions
        code = names.index(version) if version in names else -2
        after = rows.judged[(rows.judged > place) & (codes[rows.judged] != code)]
        return int(after[0]) if len(after) else len(rows) - 1

    # -- state ---------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """All that frames have left behind."""
        return {
            "others": self.others.snapshot(),
            "unjudged": dict(self.unjudged),
            "predicted": self._predicted.snapshot(),
            "labelled": self._labelled.snapshot(),
            "since": self._since,
        }

    def restore(self, state: dict[str, Any], references: References) -> None:
        """Take up where `snapshot` left off; the roster must have been restored before."""
        self.others.restore(state["others"], references)
        self.unjudged.update(state["unjudged"])
        self._predicted.restore(state["predicted"])
        self._labelled.restore(state["labelled"])
        self._since = state["since"]
