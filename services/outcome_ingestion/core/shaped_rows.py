"""Many JSON records of one shape to columns, without a call for each record.

Why: a class made for the features is the quickest that a JSON library does, and it still makes an
object of every value and then a column of the objects. Records of one shape are cut at the quotes
that a single pass over all bytes finds; what is between the values must be the shape's own bytes, and
a value must be a plain text or a number as JSON writes it. Then a row is, byte by byte, a record
that the usual decoder reads to the same values. Every other record is left to that decoder.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from outcome_ingestion.core.blocks import Ints, Mask
from outcome_ingestion.core.row_shapes import RowShape
from outcome_ingestion.core.text_hashes import text_parts

FEWEST = 64
"""Under so many records of a shape the usual decoder is as quick."""

_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_ZERO, _MINUS, _POINT, _QUOTE, _NULL = *b'0-."', int.from_bytes(b"null", "little")
Bytes = NDArray[np.uint8]


class Cut:
    """Records laid end to end, and where their quotes are."""

    def __init__(self, values: Sequence[bytes], rows: Ints) -> None:
        self.values, self.rows = values, rows
        chosen = values if len(rows) == len(values) else [values[row] for row in rows.tolist()]
        self.joined = b"".join(chosen)
        self.bytes: Bytes = np.frombuffer(self.joined, dtype=np.uint8)
        self.bounds = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, chosen), np.int64, count=len(chosen)), out=self.bounds[1:])
        self.quotes = np.flatnonzero(self.bytes == _QUOTE)
        self.counts = np.diff(np.searchsorted(self.quotes, self.bounds))

    def only(self, keep: Mask) -> "Cut":
        """The records that `keep` names."""
        return self if keep.all() else Cut(self.values, self.rows[keep])

    def plain(self) -> Mask:
        """Which records have neither escapes nor bytes that no plain text has."""
        plain = np.ones(len(self.rows), dtype=np.bool_)
        if self.joined.isascii() and self.bytes.min() >= ord(" ") and b"\\" not in self.joined:
            return plain
        odd = (self.bytes >= 128) | (self.bytes < ord(" ")) | (self.bytes == ord("\\"))
        plain[np.searchsorted(self.bounds, np.flatnonzero(odd), side="right") - 1] = False
        return plain


class Shaped:
    """The values of records of one shape: `texts` and `numbers` by slot, one a record of `rows`."""

    def __init__(self, rows: Ints, texts: dict[int, pa.StringArray], numbers: dict[int, pa.DoubleArray]) -> None:
        self.rows, self.texts, self.numbers = rows, texts, numbers


def shaped(cut: Cut, shape: RowShape) -> Shaped | None:
    """The records that have the shape; None where they are few."""
    cut = cut.only(cut.counts == shape.quotes)
    while len(cut.rows) >= FEWEST:
        found, keep = _attempt(cut, shape)
        if found is not None:
            return found
        cut = cut.only(keep)
    return None


def _attempt(cut: Cut, shape: RowShape) -> tuple[Shaped | None, Mask]:
    """All records, or which of them can be tried again."""
    edges, keep = _edges(cut, shape)
    if not keep.all():
        return None, keep
    pieces = pa.Array.from_buffers(
        pa.string(), edges.size, [None, pa.py_buffer(_closed(edges, cut)), pa.py_buffer(cut.joined)]
    )
    keep = _as_fixed(pieces, edges.shape, shape)
    if not keep.all():
        return None, keep
    texts = [place for place, slot in enumerate(shape.slots) if slot.text]
    numbers = [place for place, slot in enumerate(shape.slots) if not slot.text]
    columns, keep = _doubles(
        _columns(pieces, edges.shape, numbers), len(edges), [shape.slots[p].nullable for p in numbers]
    )
    if not keep.all():
        return None, keep
    whole = _columns(pieces, edges.shape, texts)
    rows = len(edges)
    return Shaped(
        cut.rows,
        {place: whole.slice(i * rows, rows) for i, place in enumerate(texts)},
        dict(zip(numbers, columns, strict=True)),
    ), keep


def _edges(cut: Cut, shape: RowShape) -> tuple[Ints, Mask]:
    """Where each record's pieces begin (fixed, value, fixed, value … fixed), and which records fit."""
    rows = len(cut.rows)
    quotes = np.empty((rows, shape.quotes + 1), dtype=np.int64)
    quotes[:, :-1] = cut.quotes.reshape(rows, shape.quotes)
    quotes[:, -1] = cut.bounds[1:]
    edges = np.empty((rows, 2 * len(shape.slots) + 2), dtype=np.int64)
    edges[:, 0], edges[:, -1] = cut.bounds[:-1], cut.bounds[1:]
    edges[:, 1:-1:2] = quotes.take(shape.first, axis=1) + shape.first_after
    edges[:, 2:-1:2] = quotes.take(shape.last, axis=1) - shape.last_before
    sizes = np.diff(edges, axis=1)
    fixed = np.array([len(part) for part in shape.fixed])
    keep = np.all(sizes[:, ::2] == fixed, axis=1) & np.all(sizes[:, 1::2] >= 0, axis=1)
    return edges[:, :-1], keep & cut.plain()


def _closed(edges: Ints, cut: Cut) -> NDArray[np.int32]:
    offsets = np.empty(edges.size + 1, dtype=np.int32)
    offsets[:-1] = edges.ravel()
    offsets[-1] = len(cut.joined)
    return offsets


def _as_fixed(pieces: pa.StringArray, form: tuple[int, ...], shape: RowShape) -> Mask:
    """Which records have the shape's bytes between their values."""
    rows, width = form
    which = np.arange(rows)[:, None] * width + np.arange(0, width, 2)
    data = pieces.take(pa.array(which.ravel())).buffers()[2]
    expected = b"".join(shape.fixed)
    if data.slice(0, rows * len(expected)).equals(pa.py_buffer(expected * rows)):
        return np.ones(rows, dtype=np.bool_)
    table = np.frombuffer(data, dtype=np.uint8)[: rows * len(expected)].reshape(rows, -1)
    return np.all(table == np.frombuffer(expected, dtype=np.uint8), axis=1)  # type: ignore[no-any-return]


def _columns(pieces: pa.StringArray, form: tuple[int, ...], slots: list[int]) -> pa.StringArray:
    """The values of these slots, column after column."""
    rows, width = form
    which = (2 * np.array(slots, dtype=np.int64) + 1)[:, None] + np.arange(rows) * width
    return pieces.take(pa.array(which.ravel()))


def _doubles(texts: pa.StringArray, rows: int, nullable: list[bool]) -> tuple[list[pa.DoubleArray], Mask]:
    """Columns of numbers, and which rows have nothing but numbers (and nulls where they may)."""
    every = np.ones(rows, dtype=np.bool_)
    if not nullable:
        return [], every
    offsets, data = text_parts(texts)
    values, starts, sizes = data[: offsets[-1]], offsets[:-1].astype(np.int64), np.diff(offsets)
    nulls = _nulls(values, starts, sizes)
    good = _plain_numbers(values, starts, sizes) | nulls
    good &= ~nulls | np.repeat(nullable, rows)
    given = pc.if_else(pa.array(nulls), pa.scalar(None, pa.string()), texts) if nulls.any() else texts
    if good.all():
        numbers = _cast(given)
        if numbers is not None:
            return [numbers.slice(at, rows) for at in range(0, len(numbers), rows)], every
    good &= nulls | pc.match_substring_regex(texts, _NUMBER).to_numpy(zero_copy_only=False)
    keep = np.asarray(good.reshape(-1, rows).all(axis=0), dtype=np.bool_)
    return [], np.zeros_like(keep) if keep.all() else keep


def _cast(texts: pa.StringArray) -> pa.DoubleArray | None:
    """Numbers of texts; None where one is no number, or too large for one."""
    try:
        numbers = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    finite = np.isfinite(numbers.to_numpy(zero_copy_only=False)).sum()
    return numbers if finite == len(numbers) - numbers.null_count else None


def _nulls(values: Bytes, starts: Ints, sizes: NDArray[np.int32]) -> Mask:
    """Which texts are `null`."""
    nulls = np.zeros(len(starts), dtype=np.bool_)
    places = np.flatnonzero(sizes == 4)
    if len(places):
        words = values[starts[places][:, None] + np.arange(4)]
        nulls[places] = words.view("<u4").ravel() == _NULL
    return nulls


def _plain_numbers(values: Bytes, starts: Ints, sizes: NDArray[np.int32]) -> Mask:
    """Which texts Arrow may read only where JSON does: what it takes beyond that is ruled out here.

    A digit first (or behind a minus), no zero before another digit, a digit last, and never a point
    without a digit behind it. `-0` is a whole number to some and no zero to others: it is left out too.
    """
    last = starts + sizes - 1
    if not len(values) or np.any(sizes < 1):
        return sizes > len(values)
    signed = values.take(starts) == _MINUS
    first = np.minimum(starts + signed, last)
    leading = values.take(first)
    digit = _is_digit(leading) & _is_digit(values.take(last))
    zero = leading == _ZERO
    longer = (first < last) & _is_digit(values.take(np.minimum(first + 1, last)))
    plain = digit & ~(zero & (longer | (signed & (first == last))))
    points = np.flatnonzero(values[:-1] == _POINT)
    bare = points[~_is_digit(values.take(points + 1))]
    if len(bare):
        plain[np.searchsorted(starts, bare, side="right") - 1] = False
    return plain  # type: ignore[no-any-return]


def _is_digit(values: Bytes) -> Mask:
    return (values - np.uint8(_ZERO)) <= np.uint8(9)
