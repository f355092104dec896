"""Whether labels come for some predictions rather than for others.

Where only what was predicted positive is looked into, the mean loss of labelled rows is that of the positive
predictions: it differs from the loss on all held-out rows although nothing has changed. So an alarm on losses is
held against two questions. Are the classes that were predicted in the labelled rows those of all rows? If not:
is the loss higher than the version's held-out rows give for *these* classes? Only then is there harm.

Why the first question is asked with all rows: the predictions themselves may have shifted. Then labelled rows
shift as all rows do, and more of a class that is hard is harm.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from drift_detection.core.kept.narrow import narrow_floats, wide_floats
from drift_detection.core.losses.measures import CLASSES
from drift_detection.core.rows import FrameRows
from driftloop.codec.frames import PREDICTION
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.model_spec import ModelSpec

Floats = NDArray[np.float64]
Classes = dict[str, int]
"""Class → rows; the rows of classes beyond the first thirty are under the empty name."""

LEVEL = 1e-4
"""Chance of taking labels that come for rows at random for selected ones, at one alarm."""
FEWEST_EXPECTED = 5.0
NEWEST = 1_000
VERSIONS = 8
"""Versions whose predictions are counted, the newest by their first row."""
STANDARD_ERRORS = 3.0
"""By so many must the loss exceed that of its classes for harm beside a selection."""


class PredictedClasses:
    """Rows as they were predicted, by version and by the class of the first target."""

    def __init__(self) -> None:
        self._counts: dict[str, Classes] = {}

    def of(self, version: str, rows: FrameRows, last_row: int) -> Classes:
        """The classes that `version` had predicted up to row `last_row` of the frame in hand."""
        known = dict(self._counts.get(version, {}))
        _add(known, self._in_frame(rows, last_row + 1).get(version, {}))
        return known

    def end(self, rows: FrameRows) -> None:
        """The frame has been dealt with."""
        for version, fresh in self._in_frame(rows, len(rows)).items():
            _add(self._counts.setdefault(version, {}), fresh)
        for old in list(self._counts)[:-VERSIONS]:
            del self._counts[old]

    @staticmethod
    def _in_frame(rows: FrameRows, stop: int) -> dict[str, Classes]:
        name, target = next(iter(rows.spec.target.items()))
        if target.kind != "category" or rows.column(PREDICTION + name) is None:
            return {}
        (versions, version_names), (said, said_names) = rows.versions, rows.coded(PREDICTION + name)
        seen = rows.seen if stop == len(rows) else rows.seen[rows.seen < stop]
        width = len(said_names) + 1
        pairs = (versions[seen].astype(np.int64) + 1) * width + said[seen] + 1
        counts = np.bincount(pairs, minlength=(len(version_names) + 1) * width).reshape(-1, width)[1:, 1:].tolist()
        return {
            version: {one: rows_ for one, rows_ in zip(said_names, row, strict=True) if rows_}
            for version, row in zip(version_names, counts, strict=True)
            if any(row)
        }

    def snapshot(self) -> dict[str, Classes]:
        """The counts."""
        return self._counts

    def restore(self, state: dict[str, Classes]) -> None:
        """Take them up again."""
        self._counts = {version: dict(counts) for version, counts in state.items()}


def _add(counts: Classes, fresh: Mapping[str, int]) -> None:
    for one, rows in fresh.items():
        key = one if one in counts or len(counts) < CLASSES else ""
        counts[key] = counts.get(key, 0) + rows


class LabelledClasses:
    """Labelled rows of one version by predicted class, as codes of `ClassNames`."""

    def __init__(self) -> None:
        self.counts = np.zeros(CLASSES + 1, np.int64)
        self._held: NDArray[Any] = np.zeros(0)

    @property
    def newest(self) -> Floats:
        """The classes of the newest rows, in their order."""
        return wide_floats(self._held)

    def push(self, said: Floats) -> None:
        """Take in rows; NaN is no class."""
        self.counts += counted(said)
        self._held = narrow_floats(np.concatenate((self.newest, said))[-NEWEST:])

    def since(self, said: Floats, rows: int) -> NDArray[np.int64]:
        """The newest `rows` rows by class, those of `said` last: of more than a thousand and of half of all, all."""
        total = self.counts + counted(said)
        if 2 * rows >= int(total.sum()):
            return total
        return counted(np.concatenate((self.newest, said))[-min(rows, NEWEST) :])

    def snapshot(self) -> list[Any]:
        """The counts, and the newest rows."""
        return [self.counts.tolist(), [-1 if code != code else int(code) for code in self.newest.tolist()]]  # noqa: PLR0124

    def restore(self, state: list[Any]) -> None:
        """Take them up again."""
        counts, newest = state
        self.counts = np.array(counts, np.int64)
        self._held = narrow_floats(np.array([np.nan if code < 0 else code for code in newest], np.float64))


def counted(said: Floats) -> NDArray[np.int64]:
    """Rows by code of their class."""
    return np.bincount(said[~np.isnan(said)].astype(np.intp), minlength=CLASSES + 1)


def by_name(counts: NDArray[np.int64], names: list[str]) -> Classes:
    """Counts by the classes' names.

    >>> by_name(np.array([2, 0, 1]), ["a", "b"])
    {'a': 2, '': 1}
    """
    found: Classes = {}
    for code in np.flatnonzero(counts).tolist():
        _add(found, {names[code] if code < len(names) else "": int(counts[code])})
    return found


def is_selected(labelled: Classes, predicted: Classes) -> bool:
    """Whether the labelled rows are no fair part of those predicted.

    Pearson's chi-square with the correction for a part of a finite whole, over classes of which five rows at
    least would be expected among the labelled ones; the others count together.

    >>> is_selected({"1": 60}, {"0": 300, "1": 100}), is_selected({"0": 42, "1": 18}, {"0": 300, "1": 100})
    (True, False)
    """
    some, every = sum(labelled.values()), sum(predicted.values())
    if not some or some >= every:
        return False
    common = {one for one, rows in predicted.items() if rows * some / every >= FEWEST_EXPECTED}
    parts = [(labelled.get(one, 0), predicted[one]) for one in sorted(common)]
    rest = some - sum(part for part, _ in parts), every - sum(whole for _, whole in parts)
    if rest[1]:
        parts.append(rest)
    if len(parts) < 2:
        return False
    statistic = sum((part / some - whole / every) ** 2 / (whole / every) for part, whole in parts)
    return bool(statistic / (1 / some - 1 / every) > chdtri(len(parts) - 1, LEVEL))


def expected_loss(classes: Classes, known: Mapping[str, LossProfile]) -> LossProfile | None:
    """The loss of held-out rows of these classes, in this mixture; None if one of them is not known.

    `rows` is the number of rows of one class whose mean would be as uncertain.
    """
    total = sum(classes.values())
    if not total or any(one not in known or not known[one].rows for one in classes):
        return None
    parts = {one: rows / total for one, rows in classes.items()}
    mean = sum(part * known[one].mean for one, part in parts.items())
    spread = sum(part * (known[one].variance + (known[one].mean - mean) ** 2) for one, part in parts.items())
    rows = 1 / sum(part**2 / known[one].rows for one, part in parts.items())
    bound = max(known[one].bound for one in classes)
    return LossProfile(rows=max(int(rows), 1), mean=mean, variance=spread, bound=bound)


def exceeds(current: float, rows: int, expected: LossProfile) -> bool:
    """Whether the mean loss of this many rows is higher than expected by more than chance."""
    error = np.sqrt(max(expected.variance, 0.25 / expected.rows) * (1 / max(rows, 1) + 1 / expected.rows))
    return bool(current > expected.mean + STANDARD_ERRORS * error)


def applies(spec: ModelSpec) -> bool:
    """Whether a model's predictions have classes."""
    return next(iter(spec.target.values())).kind == "category"
