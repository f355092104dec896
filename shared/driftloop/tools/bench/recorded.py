"""Error streams of a model on recorded data whose drifts are known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.errors import ExitCode, UserError
from driftloop.files.opening import open_table

Floats = NDArray[np.float64]

TREES = 30
DRIFTS = {"iks_insects_abrupt": (1775, 3550), "sea_50k": (12_500, 25_000, 37_500)}
CONTROL = "phishing"
SHUFFLES = 20


@dataclass(frozen=True, slots=True)
class RecordedDrift:
    """Errors of a forest that learnt the first half of the segment before a drift, from there to the next drift."""

    stream: str
    row: int
    errors: Floats
    change: int
    """Row of `errors` at which the drift is."""


def recorded_drifts(folder: Path) -> list[RecordedDrift]:
    """Each known drift of the streams in `folder`, in the order of the protocol; [] without the files."""
    return [drift for name, rows in DRIFTS.items() for drift in _drifts(folder, name, rows)]


def _drifts(folder: Path, name: str, rows: tuple[int, ...]) -> list[RecordedDrift]:
    path = folder / f"{name}.csv.gz"
    if not path.is_file():
        return []
    features, target = _read(path)
    ends = [*rows[1:], len(target)]
    found = []
    for begin, row, end in zip((0, *rows[:-1]), rows, ends, strict=True):
        half = begin + (row - begin) // 2
        errors = _errors(features, target, np.arange(begin, half), np.arange(half, end), seed=0)
        found.append(RecordedDrift(name, row, errors, row - half))
    return found


def stationary_errors(folder: Path, shuffles: int = SHUFFLES) -> list[Floats]:
    """Errors on the control stream, shuffled, of a forest that learnt its first fifth; [] without the file."""
    path = folder / f"{CONTROL}.csv.gz"
    if not path.is_file():
        return []
    features, target = _read(path)
    streams = []
    for seed in range(shuffles):
        order = np.random.default_rng(seed).permutation(len(target))
        fifth = len(order) // 5
        streams.append(_errors(features, target, order[:fifth], order[fifth:], seed))
    return streams


def _errors(
    features: Floats, target: NDArray[np.str_], learn: NDArray[np.intp], judge: NDArray[np.intp], seed: int
) -> Floats:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(TREES, random_state=seed).fit(features[learn], target[learn])
    return np.asarray(forest.predict(features[judge]) != target[judge], dtype=np.float64)


def _read(path: Path) -> tuple[Floats, NDArray[np.str_]]:
    table = open_table(path).data
    columns = [np.asarray(table.column(name), dtype=np.float64) for name in table.schema.names[:-1]]
    return np.column_stack(columns), np.asarray(table.column("target").cast(pa.string()).to_pylist(), dtype=np.str_)


def read_errors(path: Path) -> Floats:
    """The column `error` of a user's file, in order; UserError where it is not there or holds no numbers."""
    table = open_table(path).data
    if "error" not in table.column_names:
        names = ", ".join(table.schema.names[:10])
        raise UserError(f"{path} has no column `error`; it has {names}", ExitCode.USAGE)
    column = table.column("error")
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise UserError(f"the column `error` of {path} must hold numbers ≥ 0, and no gap", ExitCode.USAGE)
    column = column.cast(pa.float64()).fill_null(float("nan"))
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    if not len(values) or not np.isfinite(values).all() or values.min() < 0:
        raise UserError(f"the column `error` of {path} must hold numbers ≥ 0, and no gap", ExitCode.USAGE)
    return values
