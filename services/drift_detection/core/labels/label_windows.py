"""Labels as they come in: whether what is true has shifted, whatever the model says of it.

Why a stream of its own: labels lag behind their predictions, so a window of predictions has few of them
while it is new. Here windows are of the labelled rows of the version that is judged, in the order in which
their labels came, and compared with the labels that the version learnt from.

What counts is the first label of a row. A correction is the same row again; a window that has closed has
been judged, and cannot be judged anew. Where one answer takes longer to come than another (nobody knows
yet who stays), the first windows after a start hold too many of the quick one, and say so.

Why only the whole model: a segment's labels are fewer still, and its losses are watched in any case.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from drift_detection.core.findings import Change, Findings
from drift_detection.core.losses.labelled_rows import LabelledRows
from drift_detection.core.monitors.monitor_set import MonitorSet
from drift_detection.core.row_index import Step
from drift_detection.core.rows import Coded, codes_of


class LabelWatch:
    """Hands the labels of judged rows to the window monitor of the whole model."""

    def __init__(self, roster: MonitorSet) -> None:
        self._roster = roster

    def take(self, judged: LabelledRows, found: Findings) -> None:
        """Take in rows of the version that is judged."""
        monitor = self._roster.monitors[""].labels
        if monitor is None:
            return
        reference, cut = monitor.battery.reference, monitor.rings.cut(len(judged), judged.at)
        tallies = reference.tallies(_Labels(judged)).count(slice(0, len(judged)), cut)
        for shift in monitor.push(tallies, cut):
            row = cut.closing_row(shift.block)
            step = Step(int(judged.rows[row]), judged.ids[row], int(judged.at[row]))
            version = self._roster.judged.current or "0.0.0"
            found.changes.append(Change("", version, reference.columns[shift.column], shift, step))


class _Labels:
    """The labels of judged rows, in the shape in which a frame's rows are binned."""

    def __init__(self, judged: LabelledRows) -> None:
        self._judged = judged

    def __len__(self) -> int:
        return len(self._judged)

    @property
    def seen(self) -> NDArray[np.intp]:
        """All of them."""
        return np.arange(len(self))

    @property
    def predicted_at(self) -> NDArray[np.int64]:
        """When each row was predicted, in milliseconds since 1970."""
        return self._judged.at - self._judged.lag

    def column(self, name: str) -> pa.Array | None:
        """A label's column, None if the spec has no such target."""
        return self._judged.targets.get(name)

    def coded(self, name: str) -> Coded:
        """A label's column as codes; the spec must have the target."""
        return codes_of(self._judged.targets[name])
