"""Which segments carry the added loss, and what the columns' shift means for rows without a label."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.narrow import narrow_floats, narrow_integers, wide_floats, wide_integers
from drift_detection.core.losses.labelled_rows import LabelledRows
from drift_detection.core.windows.monitor import WindowMonitor
from drift_detection.core.windows.reference import Reference

Floats = NDArray[np.float64]

KEPT = 500
"""Labelled rows that are remembered with their segments."""


class LossHistory:
    """The newest losses and the segments that they belong to."""

    def __init__(self) -> None:
        self._losses: NDArray[Any] = np.zeros(0)
        self._codes: dict[str, NDArray[Any]] = {}
        self._names: dict[str, list[str]] = {}

    def push(self, judged: LabelledRows) -> None:
        """Add rows; all of them stay until `trim`."""
        before = len(self._losses)
        self._losses = np.concatenate((self._losses, judged.losses), dtype=np.float64)
        for name, codes, values in judged.segments:
            codes_of = {value: code for code, value in enumerate(self._names.get(name, []))}
            places = np.array([*(codes_of.setdefault(value, len(codes_of)) for value in values), -1], dtype=np.int32)
            self._names[name] = list(codes_of)
            held = self._codes.get(name, np.full(before, -1, dtype=np.int32))
            self._codes[name] = np.concatenate((held, places[codes]), dtype=np.int32)

    def trim(self) -> None:
        """Keep the newest rows, and the names of segments that are among them."""
        self._losses = narrow_floats(wide_floats(self._losses[-KEPT:]))
        for name, codes in self._codes.items():
            newest, names = wide_integers(codes[-KEPT:]), self._names[name]  # a byte has no room for 255 + 1
            used = np.bincount(newest + 1, minlength=len(names) + 1)[1:] > 0
            if not used.all():
                newest = np.append(np.cumsum(used) - 1, -1)[newest]
                self._names[name] = [one for one, is_used in zip(names, used.tolist(), strict=True) if is_used]
            self._codes[name] = narrow_integers(newest)

    def added_loss(self, rows: int, behind: int, reference: float) -> dict[str, float]:
        """Each segment's part in the loss beyond `reference`, over `rows` rows that end `behind` rows before the last.

        At most 500 rows count. Segments of one field share 1 where all rows have one; only those with at
        least a tenth are named.
        """
        stop = len(self._losses) - behind
        span = slice(max(stop - min(rows, KEPT), 0), stop)
        added = wide_floats(self._losses[span]) - reference
        total = float(added.sum())
        if total <= 0:
            return {}
        parts = {
            f"{name}={self._names[name][code]}": float(added[codes[span] == code].sum()) / total
            for name, codes in self._codes.items()
            for code in np.unique(codes[span][codes[span] >= 0]).tolist()
        }
        ranked = sorted(parts.items(), key=lambda entry: (-entry[1], entry[0]))
        return {segment: round(part, 6) for segment, part in ranked if part >= 0.1}

    def snapshot(self) -> list[Any]:
        """The rows kept."""
        return [
            wide_floats(self._losses).tolist(),
            {name: codes.tolist() for name, codes in self._codes.items()},
            self._names,
        ]

    def restore(self, state: list[Any]) -> None:
        """Take them up again."""
        self._losses = np.array(state[0], dtype=np.float64)
        self._codes = {name: np.array(codes, dtype=np.int32) for name, codes in state[1].items()}
        self._names = state[2]


def column_parts(streams: Iterable[WindowMonitor]) -> dict[str, float]:
    """The columns that stand shifted, with their parts in the shift of all that do."""
    weights = {name: weight for windows in streams for name, weight in _weights(windows)}
    total = sum(weights.values()) or 1.0
    return {name: round(weight / total, 6) for name, weight in sorted(weights.items(), key=lambda entry: -entry[1])}


def _weights(windows: WindowMonitor) -> Iterator[tuple[str, float]]:
    """Squared excess, on the newest short window, of the columns that stand shifted."""
    alarmed = set(windows.alarmed)
    found = windows.findings() if alarmed else None
    if found is None:
        return
    for column, excess in zip(windows.battery.reference.columns, found.excess, strict=True):
        if column.name in alarmed:
            yield column.name, excess**2


def label_free_error(windows: WindowMonitor | None) -> float | None:
    """The share of wrong predictions to be expected in the newest short window, before any label is in.

    From the confidence of its rows, by the calibration of the version's held-out rows. It assumes that a
    given confidence is as often right now as it was then: a drift that changes *that* it cannot see.
    None if there is no confidence, no calibration or no window.
    """
    if windows is None:
        return None
    reference = windows.battery.reference
    calibration = reference.profile.calibration
    place = reference.once("confidence", lambda: _place_of(reference, "confidence"))
    if place is None or len(calibration) < 2:
        return None
    column, start = reference.columns[place], int(reference.starts[place])
    latest = windows.rings.latest_counts(slice(start, start + column.count - 1))
    if latest is None or not latest.any() or not len(column.edges):
        return None
    counts = latest.astype(np.float64)
    right = reference.once("right", lambda: _right(column.edges, calibration))
    return float(1.0 - counts @ right / counts.sum())


def _place_of(reference: Reference, name: str) -> int | None:
    return next((at for at, column in enumerate(reference.columns) if column.name == name), None)


def _right(edges: Floats, calibration: Floats) -> Floats:
    """How often predictions are right in each bin of confidence, by the calibration of the held-out rows."""
    edges = np.clip(edges, 0.0, 1.0)
    middles = (np.append(edges[0], edges) + np.append(edges, edges[-1])) / 2
    return np.asarray(np.interp(middles, calibration[:, 0], calibration[:, 1]))
