"""`prediction-labels`: a record to a label that fits its model's target."""

from typing import NamedTuple

import msgspec

from driftloop.codec.outcomes import DECODE_ERRORS, LabelRow, label_decoder
from outcome_ingestion.core.decode.fast.repeated_keys import repeated, repeated_in_label
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.series_labels import SeriesSoFar, has_series, together, with_horizon
from outcome_ingestion.core.decode.timestamps import check_moment, microseconds_of
from outcome_ingestion.core.decode.values import Fitted, fit_truths
from outcome_ingestion.core.refusal import Refusal, undecodable


class LabelItem(NamedTuple):
    """A label on its way to its row. `place` orders it among the rows of the batch; times in
    microseconds since 1970; `values` one a target field, None for a truth that is not known yet. `repeat` where
    it came with a prediction that was there before."""

    place: int
    prediction_id: str
    values: tuple[Fitted | SeriesSoFar | None, ...]
    at: int
    source: str
    weight: float | None
    repeat: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every target field has its truth."""
        return None not in self.values and not any(isinstance(value, SeriesSoFar) for value in self.values)

    @property
    def adds_steps(self) -> bool:
        """Whether it holds a series, whose steps may have come one at a time: those before it belong to it."""
        return has_series(self.values)

    def with_parts(self, earlier: "LabelItem") -> "LabelItem":
        """The label with the truths that were known before; of a field that both have, the newer one counts."""
        newer, older = (self, earlier) if self.at >= earlier.at else (earlier, self)
        values = tuple(together(new, old) for new, old in zip(newer.values, older.values, strict=True))
        return newer._replace(place=self.place, values=values)


def decode_label(value: bytes | None) -> LabelRow:
    """The label in a JSON record; raises `Refusal`."""
    if value is None:
        raise Refusal("decode", "NullValue", "the record has no value")
    try:
        row = label_decoder.decode(value)
        name = repeated_in_label(value, row)
    except DECODE_ERRORS as error:
        raise undecodable(error) from error
    if name is not None:
        raise repeated(name)
    return row


def fit_label(row: LabelRow, layout: Layout, place: int, latest: int) -> LabelItem:
    """The label as the model's spec wants it; raises `Refusal`."""
    values = with_horizon(fit_truths(row.label, layout.target), layout.spec)
    at = microseconds_of(row.labelled_at, "labelled_at")
    check_moment(at, "labelled_at", latest)
    return LabelItem(place, row.prediction_id, values, at, row.label_source, row.weight)


class _Packed(msgspec.Struct, array_like=True, gc=False):
    times: bytes
    items: list[LabelItem]


def pack_labels(items: list[LabelItem], times: bytes) -> bytes:
    """Labels as a state entry, with the clock of their model's labels."""
    return msgspec.msgpack.encode(_Packed(times, items))


def unpack_labels(value: bytes) -> tuple[list[LabelItem], bytes]:
    """What `pack_labels` packed; entries of earlier versions are the labels alone."""
    try:
        packed = _packed.decode(value)
    except msgspec.ValidationError:
        return _alone.decode(value), b""
    return packed.items, packed.times


_packed = msgspec.msgpack.Decoder(_Packed)
_alone = msgspec.msgpack.Decoder(list[LabelItem])
