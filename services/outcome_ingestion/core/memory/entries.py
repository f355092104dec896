"""The parts that a partition's memory is made of, and two of its state entries."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from outcome_ingestion.core.decode.label_items import LabelItem, plain_item
from outcome_ingestion.core.identity.id_index import IdIndex, Known
from outcome_ingestion.core.identity.text_hashes import text_parts
from outcome_ingestion.core.labels.event_clock import EventClock
from outcome_ingestion.core.labels.held_rows import HeldRows
from outcome_ingestion.core.observations.forecast_index import ForecastIndex
from outcome_ingestion.core.observations.observed_values import ObservedValues

Item = TypeVar("Item")


class SeenEntry(msgspec.Struct, array_like=True, gc=False):
    """The ids of a batch of one model and their ordinals (`first` where they follow one another).

    `ids` are their bytes end to end, with the length of each in `sizes` (four bytes); entries that
    were written before that have a list of texts. `times` is the clock of the model's rows (`EventClock.dump`);
    nothing reads `clock` any more.
    """

    ids: bytes | list[str]
    first: int
    ordinals: list[int] | None
    clock: int
    sizes: bytes = b""
    times: bytes = b""
    stamps: bytes = b""
    """Four bytes for the time of each row (`reuse.stamps_of`)."""
    again: list[tuple[int, int]] = []
    """(Row of the entry, ordinal) of the prediction that had the row's id before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Ids of a batch that are known, and the clock of their model's rows at that time (`EventClock.dump`)."""

    known: Known
    times: bytes
    again: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """The state entry."""
        known = self.known
        offsets, data = text_parts(known.ids)
        in_a_row = known.end - known.first == len(known.ids)
        return _encode(
            SeenEntry(
                data[offsets[0] : offsets[-1]].tobytes(),
                known.first,
                None if in_a_row else known.ordinals.tolist(),
                0,
                np.diff(offsets).astype("<i4").tobytes(),
                self.times,
                b"" if known.stamps is None else known.stamps.astype("<u4").tobytes(),
                list(self.again),
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> "Seen":
        """What `encode` gave."""
        entry = _seen_decoder.decode(value)
        if isinstance(entry.ids, bytes):
            sizes = np.frombuffer(entry.sizes, dtype="<i4")
            offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(sizes, dtype=np.int32)])
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(entry.ids)]
            ids = pa.Array.from_buffers(pa.string(), len(sizes), buffers)
        else:
            ids = pa.array(entry.ids, pa.string())
        ordinals = np.arange(entry.first, entry.first + len(ids)) if entry.ordinals is None else entry.ordinals
        stamps = np.frombuffer(entry.stamps, dtype="<u4") if entry.stamps else None
        return cls(Known(ids, np.asarray(ordinals, dtype=np.int64), stamps), entry.times, tuple(entry.again))


class Marks(msgspec.Struct, array_like=True, gc=False):
    """Rows that got a label in a batch (id, labelled_at), early labels that wait no longer."""

    labelled: list[tuple[str, int]]
    found: list[str]
    clock: int = 0
    """Nothing reads it any more."""
    times: bytes = b""
    """The clock of the model's labels."""
    items: list[LabelItem] = msgspec.field(default_factory=list)
    """The labels themselves, of a target with several fields: one of them may be corrected alone."""
    gone: list[int] = msgspec.field(default_factory=list)
    """Ordinals of held rows that were given up."""
    rows: list[tuple[str, int, int]] = msgspec.field(default_factory=list)
    """(Id, time of the label, ordinal of its row) where the id was used again: the id alone does not tell the row."""
    rated: list[tuple[int, float, int]] = msgspec.field(default_factory=list)
    """(Ordinal of a held row, rating, when it was given) of ratings that came after their row."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing but the clock is in it."""
        return not (self.labelled or self.found or self.items or self.gone or self.rows or self.rated)

    def encoded(self) -> bytes:
        """Marks as state has them: what there is none of is left out at the end, as earlier releases wrote and read."""
        items = [plain_item(item) for item in self.items]
        later: tuple[list[Any], ...] = (items, self.gone, self.rows, self.rated)
        while later and not later[-1]:
            later = later[:-1]
        return _encode((self.labelled, self.found, self.clock, self.times, *later))


@dataclass(slots=True)
class ModelMemory:
    """One model in one partition."""

    ids: IdIndex = field(default_factory=IdIndex)
    held: HeldRows = field(default_factory=HeldRows)
    early: OrderedDict[str, tuple[int, LabelItem]] = field(default_factory=OrderedDict)
    parts: set[str] = field(default_factory=set)
    """Ids of early labels that lack the truth of some target field: they meet no row yet."""
    marks: deque[int] = field(default_factory=deque)
    row_clock: EventClock = field(default_factory=EventClock)
    label_clock: EventClock = field(default_factory=EventClock)
    marked_clock: bytes = EventClock().dump()
    """The labels' clock in the newest mark."""
    newest_mark_is_empty: bool = False
    """Whether that mark has the clock alone: the next one takes its place."""
    early_due: list[tuple[int, str]] = field(default_factory=list)
    """A heap of (time of a waiting label, id); those that wait no longer are found out when they are met."""
    earlier: dict[str, list[int]] = field(default_factory=dict)
    """Id → ordinals of the predictions that had it before the newest, oldest first."""
    observed: ObservedValues = field(default_factory=ObservedValues)
    forecasts: ForecastIndex = field(default_factory=ForecastIndex)
    recent: list[tuple[int, int]] = field(default_factory=list)
    """(seq, rows) of the newest batches, as far back as they are small."""

    def forget_earlier(self, known: Known) -> None:
        """Predictions of a batch that is forgotten had no id before another."""
        for prediction_id in known.ids.to_pylist() if self.earlier else ():
            left = [ordinal for ordinal in self.earlier.pop(prediction_id, ()) if ordinal >= known.end]
            if left:
                self.earlier[prediction_id] = left


def in_parts(items: list[Item], most: int) -> list[list[Item]]:
    """The items in as few lists as may be, none of which takes more than `most` bytes; a single one always may."""
    if not items:
        return []
    if len(items) == 1 or len(items) * _LARGE_ITEM <= most or len(_encode(items)) <= most:
        return [items]
    half = len(items) // 2
    return [*in_parts(items[:half], most), *in_parts(items[half:], most)]


_LARGE_ITEM = 4_096
"""More than a label takes."""
_encode = msgspec.msgpack.encode
_seen_decoder = msgspec.msgpack.Decoder(SeenEntry)
