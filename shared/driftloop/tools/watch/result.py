"""What was found in recorded outcomes, for a script and for a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import LABEL, PREDICTION, SEGMENT
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.files.description import FileDescription
from driftloop.statistics.losses import row_losses
from driftloop.tools.watch.outcomes import RecordedOutcomes
from driftloop.tools.watch.play import Found

MOST_SEGMENT_VALUES = 50


@dataclass(frozen=True, slots=True)
class WatchResult:
    """A watched file. `losses` has a loss a row, NaN for rows without a label."""

    file: FileDescription
    recorded: RecordedOutcomes
    found: Found
    losses: NDArray[np.float64]
    baseline_rows: Mapping[str, int]
    wall_seconds: float

    @property
    def measure(self) -> str:
        """`accuracy` or `mae`."""
        return "mae" if self.recorded.spec.task == "regression" else "accuracy"

    def score(self, losses: NDArray[np.float64]) -> float | None:
        """Losses as the measure; None if no row is labelled."""
        known = losses[~np.isnan(losses)]
        if not len(known):
            return None
        mean = float(known.mean())
        return round(mean if self.measure == "mae" else 1.0 - mean, 6)

    @property
    def labelled(self) -> int:
        """Rows with prediction and label."""
        return int((~np.isnan(self.losses)).sum())


def losses_of(recorded: RecordedOutcomes) -> NDArray[np.float64]:
    """The loss of each row; NaN where label or prediction is missing."""
    name = recorded.target
    losses = np.full(len(recorded), np.nan)
    truth = recorded.columns.get(LABEL + name)
    if truth is None:
        return losses
    both = np.asarray(
        pc.and_(pc.is_valid(truth), pc.is_valid(recorded.columns[PREDICTION + name])).to_numpy(zero_copy_only=False)
    )
    said = {name: recorded.numbers_or_texts(PREDICTION + name)[both]}
    losses[both] = row_losses(recorded.spec.target, said, {name: recorded.numbers_or_texts(LABEL + name)[both]})
    return losses


def result_json(result: WatchResult) -> dict[str, Any]:
    """The result for a script. Rows are those of the file, from 0; only `wall_seconds` differs between two runs."""
    recorded, spec = result.recorded, result.recorded.spec
    return {
        "file": result.file.as_json(),
        "rows": len(recorded),
        "labelled": result.labelled,
        "task": spec.task,
        "target": recorded.target,
        result.measure: result.score(result.losses),
        "features": {name: feature.kind for name, feature in spec.features.items()},
        "left_out": dict(recorded.left_out),
        "notes": list(recorded.notes),
        "baseline_rows": dict(result.baseline_rows),
        "false_alarms": {"declared_per_month": spec.detection.false_alarms_per_month, "rows": len(recorded)},
        "signals": [signal_json(signal, rows_by_id(recorded)) for signal in in_order(result)],
        "segments": segments_json(result),
        "refused": dict(result.found.refused),
        "wall_seconds": round(result.wall_seconds, 2),
    }


def rows_by_id(recorded: RecordedOutcomes) -> Mapping[str, int]:
    """Row of the file by prediction id, of the ids that signals name."""
    return _Rows(recorded)


class _Rows(Mapping[str, int]):
    """Looks a row up where it is asked for: a file has more ids than signals."""

    def __init__(self, recorded: RecordedOutcomes) -> None:
        self._recorded = recorded

    def __getitem__(self, prediction_id: str) -> int:
        place = pc.index(self._recorded.columns["prediction_id"], prediction_id).as_py()
        if place < 0:
            raise KeyError(prediction_id)
        return int(self._recorded.rows[place])

    def __iter__(self) -> Any:
        return iter(self._recorded.columns["prediction_id"].to_pylist())

    def __len__(self) -> int:
        return len(self._recorded)


def in_order(result: WatchResult) -> list[DriftSignal]:
    """Signals in the order in which they were raised."""
    rows = rows_by_id(result.recorded)
    return sorted(
        result.found.signals, key=lambda s: (s.raised.at, rows[s.raised.prediction_id], s.kind, s.subject, s.segment)
    )


def signal_json(signal: DriftSignal, rows: Mapping[str, int]) -> dict[str, Any]:
    """A signal, by rows of the file."""
    return {
        "row": rows[signal.raised.prediction_id],
        "time": signal.raised.at.isoformat(),
        "kind": signal.kind,
        "subject": signal.subject,
        "segment": signal.segment,
        "version": signal.model_version,
        "detector": signal.detector,
        "severity": signal.severity,
        "harmful": signal.harmful,
        "onset_row": rows[signal.onset.prediction_id],
        "onset_time": signal.onset.at.isoformat(),
        "reference": signal.reference_value,
        "current": signal.current_value,
        "statistic": signal.statistic,
        "threshold": signal.threshold,
        "explanation": signal.explanation,
    }


def segments_json(result: WatchResult) -> dict[str, dict[str, dict[str, Any]]]:
    """Rows and score by segment and value; the largest `MOST_SEGMENT_VALUES` values of each."""
    return {name: _values(result, name) for name in result.recorded.spec.segments}


def _values(result: WatchResult, name: str) -> dict[str, dict[str, Any]]:
    column = result.recorded.columns[SEGMENT + name].dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy()
    values = column.dictionary.to_pylist()
    sizes = np.bincount(codes[codes >= 0], minlength=len(values))
    largest = np.argsort(-sizes, kind="stable")[:MOST_SEGMENT_VALUES]
    return {
        str(values[code]): {
            "rows": int(sizes[code]),
            "labelled": int((~np.isnan(result.losses[codes == code])).sum()),
            result.measure: result.score(result.losses[codes == code]),
        }
        for code in largest
    }
