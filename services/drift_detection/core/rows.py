"""A frame as the monitors want it: columns of numbers, losses, and which segment each row is in."""

from collections import defaultdict
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from drift_detection.core.series import numbers_of_series, series_of
from driftloop.codec.frames import LABEL, PREDICTION, SEGMENT, Frame
from driftloop.spec.forecast import label_steps, prediction_steps
from driftloop.spec.model_spec import ModelSpec, TargetField
from driftloop.statistics.losses import field_losses

Floats = NDArray[np.float64]
Where = NDArray[np.intp]

_LABELLED = frozenset({"outcome", "label", "example"})
_JUDGED = frozenset({"outcome", "label"})
_SEEN = frozenset({"prediction", "outcome"})
_CORRECTED = frozenset({"correction"})
_TELLS_NO_LABEL = pa.array(["prediction", "rating"])

_FEW = 200
"""Texts that are told apart one by one."""

Coded = tuple[NDArray[np.int32], list[str]]
"""A text column as codes into its distinct values, −1 for null."""


def numbers(column: pa.Array) -> Floats:
    """A numeric column as float64, NaN for null."""
    if pa.types.is_floating(column.type) or not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def milliseconds(column: pa.Array) -> NDArray[np.int64]:
    """Moments as milliseconds since 1970; null is 0."""
    if not column.null_count and pa.types.is_timestamp(column.type) and len(column):
        held = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset : column.offset + len(column)]
        found: NDArray[np.int64] = held // 1000
        return found
    whole = pc.fill_null(pc.cast(column, pa.int64()), 0)
    return np.asarray(whole.to_numpy(zero_copy_only=False), dtype=np.int64) // 1000


def codes_of(column: pa.Array) -> Coded:
    """A text column as codes into its distinct values; null is −1."""
    if column.null_count == len(column):
        return np.full(len(column), -1, dtype=np.int32), []
    if len(column) <= _FEW and not column.null_count and isinstance(column, pa.StringArray):
        return _codes_of_few(column)
    if not column.null_count and _is_one(column):
        return np.zeros(len(column), dtype=np.int32), [column[0].as_py()]
    encoded = column.dictionary_encode()
    indices = encoded.indices if not column.null_count else pc.fill_null(encoded.indices, -1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), dtype=np.int32), encoded.dictionary.to_pylist()


def _codes_of_few(column: pa.StringArray) -> Coded:
    """The same of a few texts without nulls: in their bytes, before Arrow would have begun.

    >>> codes, values = _codes_of_few(pa.array(["b", "", "ab", "b"])[1:])
    >>> codes.tolist(), values
    ([0, 1, 2], ['', 'ab', 'b'])
    """
    _, where, data = column.buffers()
    places = np.frombuffer(where, dtype=np.int32)[column.offset : column.offset + len(column) + 1].tolist()
    first, last, size = places[0], places[-1], places[1] - places[0]
    text = b"" if data is None else data.slice(first, last - first).to_pybytes()
    if size and places == [*range(first, last + 1, size)] and text == text[:size] * len(column):
        return np.zeros(len(column), dtype=np.int32), [text[:size].decode()]
    code_of: defaultdict[bytes, int] = defaultdict(iter(range(len(column))).__next__)
    codes = [code_of[text[begin - first : end - first]] for begin, end in pairwise(places)]
    return np.array(codes, dtype=np.int32), [one.decode() for one in code_of]


def _is_one(column: pa.Array) -> bool:
    """Whether all of a text column without nulls is one value: looked up in its bytes, which takes a few microseconds.

    >>> [_is_one(pa.array(texts)) for texts in (["ab", "ab", "ab"], ["ab", "a", "b"], ["ab", "ab", "ac"], ["", ""])]
    [True, False, False, True]
    """
    if not pa.types.is_string(column.type):
        return bool(pc.all(pc.equal(column, column[0])).as_py())
    _, where, data = column.buffers()
    places = np.frombuffer(where, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    first, last, size = int(places[0]), int(places[-1]), int(places[1] - places[0])
    if last - first != size * len(column) or not (places[1:] - places[:-1] == size).all():
        return False
    if not size:
        return True
    text = np.frombuffer(data, dtype=np.uint8)[first:last]
    return bool((text[size:] == text[:-size]).all())


def codes_differ(one: Coded, other: Coded) -> Floats:
    """1 where two coded columns hold different values, 0 if the same, NaN where either holds none.

    >>> codes_differ((np.array([0, 1, 0]), ["a", "b"]), (np.array([1, 1, -1]), ["b", "a"])).tolist()
    [0.0, 1.0, nan]
    """
    (codes, names), (others, other_names) = one, other
    places = {name: place for place, name in enumerate(names)}
    same = np.array([*(places.get(name, -2) for name in other_names), -1])[others]
    differ: Floats = (codes != same).astype(np.float64)
    missing = (codes < 0) | (others < 0)
    if missing.any():
        differ[missing] = np.nan
    return differ


def places_of(codes: NDArray[np.int32], count: int) -> list[Where]:
    """For each of the codes 0 … count − 1, the places at which it stands, ascending.

    >>> [which.tolist() for which in places_of(np.array([1, 0, -1, 1], dtype=np.int32), 2)]
    [[1], [0, 3]]
    """
    order = np.argsort(codes.astype(np.int16) if count < 1 << 15 else codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(count + 1)).tolist()
    return [order[first:last] for first, last in pairwise(bounds)]


class FrameRows:
    """The rows of a frame. Nothing is worked out before it is asked for."""

    def __init__(self, frame: Frame, spec: ModelSpec) -> None:
        self.frame, self.spec = frame, spec
        self._segments: list[tuple[str, NDArray[np.int32], list[str]]] | None = None
        self._coded: dict[str, Coded] = {}
        self._losses: dict[str, Floats] = {}
        self._columns: dict[str, pa.Array] = dict(zip(frame.batch.schema.names, frame.batch.columns, strict=True))
        if spec.forecast is not None:
            self._columns |= numbers_of_series(spec, self._columns)

    @property
    def batch(self) -> pa.RecordBatch:
        """The record batch itself."""
        return self.frame.batch

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def _is(self, events: frozenset[str]) -> NDArray[np.bool_]:
        codes, names = self.coded("event")
        table = np.array([*(name in events for name in names), False])
        found: NDArray[np.bool_] = table[codes]
        return found

    def coded(self, name: str) -> Coded:
        """A text column of the frame as codes; worked out once."""
        known = self._coded.get(name)
        if known is None:
            known = self._coded[name] = codes_of(self._columns[name])
        return known

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Rows whose label came in for the first time, examples too: those that a model's rows are counted by."""
        return self._is(_LABELLED)

    @cached_property
    def seen(self) -> Where:
        """Rows that are a prediction's first sight."""
        return np.flatnonzero(self._is(_SEEN))

    @cached_property
    def pseudo(self) -> NDArray[np.bool_]:
        """Rows whose label a model gave: to be learnt from, and no evidence of what any model loses."""
        codes, names = self.coded("label_source")
        table = np.array([*(name == "pseudo" for name in names), False])
        found: NDArray[np.bool_] = table[codes]
        return found

    @cached_property
    def judged(self) -> Where:
        """Rows with a loss: predicted and labelled by other than a model, no value missing."""
        return np.flatnonzero(self._is(_JUDGED) & ~self.pseudo & ~np.isnan(self.losses))

    @cached_property
    def joined(self) -> Where:
        """Rows that were predicted and have their label for the first time."""
        return np.flatnonzero(self._is(_JUDGED))

    @cached_property
    def is_correction(self) -> NDArray[np.bool_]:
        """Rows whose label was changed later."""
        return self._is(_CORRECTED)

    @cached_property
    def corrected(self) -> Where:
        """Rows whose label was changed later and whose prediction and new label give a loss."""
        if not self.is_correction.any():
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(self.is_correction & ~self.pseudo & ~np.isnan(self.losses))

    @cached_property
    def losses(self) -> Floats:
        """A loss for each row, NaN where prediction or label is missing."""
        found = [self.losses_of(name) for name in self.spec.target]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def losses_of(self, name: str) -> Floats:
        """A loss for each row on one target, NaN where prediction or label is missing; worked out once."""
        known = self._losses.get(name)
        if known is None:
            known = self._losses[name] = _losses_of_field(self, name, self.spec.target[name])
        return known

    @cached_property
    def versions(self) -> Coded:
        """The version that each row was predicted by, as codes."""
        return self.coded("model_version")

    @cached_property
    def predicted_at(self) -> NDArray[np.int64]:
        """When each row was predicted, in milliseconds."""
        return milliseconds(self.batch.column("predicted_at"))

    @cached_property
    def labelled_at(self) -> NDArray[np.int64]:
        """When each row was labelled, in milliseconds; 0 if it is not."""
        return milliseconds(self.batch.column("labelled_at"))

    @cached_property
    def known_at(self) -> NDArray[np.int64]:
        """When each row was labelled, or predicted where it is not, in milliseconds."""
        return np.where(self.labelled_at > 0, self.labelled_at, self.predicted_at)

    def segments(self) -> list[tuple[str, NDArray[np.int32], list[str]]]:
        """For each segment field of the spec: its name, codes, values (no values where the frame lacks it)."""
        if self._segments is None:
            nowhere: Coded = (np.full(len(self), -1, dtype=np.int32), [])
            self._segments = [
                (name, *(self.coded(SEGMENT + name) if SEGMENT + name in self._columns else nowhere))
                for name in self.spec.segments
            ]
        return self._segments

    def column(self, name: str) -> pa.Array | None:
        """A column by its name in the frame (`feature.x`, `prediction.y`, `confidence`); None if it is not there."""
        return self._columns.get(name)


def forecasts_of(rows: FrameRows, name: str) -> tuple[Floats, Floats]:
    """Of a target of kind series: what was said and what is true, rows × steps, NaN where nothing is."""
    columns = zip((PREDICTION, LABEL), (prediction_steps(rows.spec), label_steps(rows.spec)), strict=True)
    said, true = (series_of(rows.batch, prefix + name, steps) for prefix, steps in columns)
    return said, true


def feedback_rows(batch: pa.RecordBatch) -> int:
    """Labels that a user gave, corrections among them: what "so much feedback" counts.

    A rating alone is none: it tells no truth that a run could learn from.
    """
    sources = batch.column("label_source")
    if sources.null_count == len(sources):
        return 0
    labelled = pc.invert(pc.is_in(batch.column("event"), _TELLS_NO_LABEL))
    told = pc.and_(labelled, pc.equal(sources, "user"))
    return int(pc.sum(told).as_py() or 0)


def _losses_of_field(rows: FrameRows, name: str, target: TargetField) -> Floats:
    """The loss of one target field for each row, NaN where prediction or label is missing."""
    said, true = rows.column(PREDICTION + name), rows.column(LABEL + name)
    if said is None or true is None:
        return np.full(len(rows), np.nan)
    if target.kind == "series":
        return field_losses(target, *forecasts_of(rows, name))
    if target.kind == "number":
        return field_losses(target, numbers(said), numbers(true))
    return codes_differ(rows.coded(PREDICTION + name), rows.coded(LABEL + name))
