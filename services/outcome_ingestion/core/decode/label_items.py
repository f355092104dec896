"""`prediction-labels`: a record to a label that fits its model's target."""

from typing import NamedTuple

import msgspec

from driftloop.codec.outcomes import DECODE_ERRORS, LabelRow, label_decoder
from outcome_ingestion.core.decode.fast.repeated_keys import repeated, repeated_in_label
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.decode.lists.series_labels import SeriesSoFar, together, with_horizon
from outcome_ingestion.core.decode.timestamps import check_moment, microseconds_of
from outcome_ingestion.core.decode.values import Fitted, fit_truths
from outcome_ingestion.core.refusal import Refusal, invalid, undecodable


class Rated(NamedTuple):
    """A rating from 0 to 1, and when it was given, in microseconds since 1970."""

    rating: float
    at: int


class LabelItem(NamedTuple):
    """A label on its way to its row. `place` orders it among the rows of the batch; times in
    microseconds since 1970; `values` one a target field, None for a truth that is not known yet. `repeat` where
    it came with a prediction that was there before. `times` has the time of each value where they differ: `at` is
    the latest of them."""

    place: int
    prediction_id: str
    values: tuple[Fitted | SeriesSoFar | None, ...]
    at: int
    source: str
    weight: float | None
    repeat: bool = False
    times: tuple[int, ...] = ()
    rating: float | None = None
    observed: bool = False
    """Whether it was made of values of the series: it says what is known of each step, corrected or not."""
    rated_at: int = 0
    """When the rating was given, where that is not `at`: it came alone, or with an older label."""

    @property
    def is_rating(self) -> bool:
        """Whether it is a rating alone: no truth is in it."""
        return self.rated_at != 0 and all(value is None for value in self.values)

    @property
    def rated(self) -> Rated | None:
        """Its rating and when that was given."""
        return None if self.rating is None else Rated(self.rating, self.rated_at or self.at)

    @property
    def waits_as(self) -> str:
        """What it is while it waits: a label, a part of one, or a rating."""
        return "label" if self.is_whole else "rating" if self.is_rating else "label_part"

    @property
    def is_whole(self) -> bool:
        """Whether every target field has its truth."""
        return None not in self.values and not any(isinstance(value, SeriesSoFar) for value in self.values)

    @property
    def has_parts(self) -> bool:
        """Whether a part of it may be corrected alone: a field of several, or a step of a series."""
        return len(self.values) > 1 or isinstance(self.values[0], list | SeriesSoFar)

    def with_parts(self, other: "LabelItem") -> "LabelItem":
        """The label with the truths of another: of each field the newer one counts, of one time that of this label.

        Of a series each step counts as it was told last.

        >>> first = LabelItem(0, "p", (1.0, None), 10, "user", None)
        >>> second = LabelItem(1, "p", (2.0, 5.0), 9, "user", None)
        >>> both = second.with_parts(first)
        >>> both.values, both.times, both.at
        ((1.0, 5.0), (10, 9), 10)
        """
        if self.is_rating or other.is_rating:
            rated = self.rated_as(other)
            return other.told_as(rated)._replace(place=self.place) if self.is_rating else rated
        newer, older = (self, other) if self.at >= other.at else (other, self)
        mine = zip(self.values, self.times or (self.at,) * len(self.values), strict=True)
        theirs = zip(other.values, other.times or (other.at,) * len(other.values), strict=True)
        pairs = [_newer(one, two) for one, two in zip(mine, theirs, strict=True)]
        times = tuple(at for _, at in pairs)
        return newer.rated_as(older)._replace(
            place=self.place,
            values=tuple(value for value, _ in pairs),
            times=() if all(at == newer.at for value, at in pairs if value is not None) else times,
        )

    def rated_as(self, older: "LabelItem") -> "LabelItem":
        """This label with the rating of an older one where it says none, or none that is as new."""
        mine, theirs = self.rated, older.rated
        is_newest = theirs is None or (mine is not None and mine.at >= theirs.at)
        return self if is_newest else self.told_as(older)

    def told_as(self, other: "LabelItem") -> "LabelItem":
        """This label with what another says of its rating."""
        return self._replace(rating=other.rating, rated_at=0 if other.rated is None else other.rated.at)

    def observed_as(self, other: "LabelItem") -> "LabelItem | None":
        """This label with the steps that values of the series tell now; None where they are what it has.

        It counts as made later than this one: a correction told at an earlier time than another step was changes it.
        """
        values = tuple(together(new, old) for new, old in zip(other.values, self.values, strict=True))
        return None if values == self.values else other._replace(values=values, at=max(other.at, self.at + 1))

    def changed_by(self, other: "LabelItem") -> "LabelItem | None":
        """This label with the newer truths of another, which stands in its place; None where none is newer.

        A gap in a series says nothing of that step, so what is known of it stays.
        """
        if not other.has_parts:
            return other.rated_as(self) if other.at > self.at else None
        together = self.with_parts(other)
        if (together.values, together.times, together.at) == (self.values, self.times, self.at):
            return None
        return together._replace(place=other.place, repeat=other.repeat)


Truth = tuple[Fitted | SeriesSoFar | None, int]
"""A value, None where it is not known, and when it was made."""


def _newer(mine: Truth, theirs: Truth) -> Truth:
    if mine[0] is None or theirs[0] is None:
        return mine if theirs[0] is None else theirs
    newer, older = (mine, theirs) if mine[1] >= theirs[1] else (theirs, mine)
    return together(newer[0], older[0]), newer[1]


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
    if row.prediction_id is None:
        raise undecodable(
            ValueError("Object missing required field `prediction_id` (of an observation: `observed_at`)")
        )
    at = microseconds_of(row.labelled_at, "labelled_at")
    if row.label is None and row.rating is not None:
        return _fit_rating(row, layout, place, at, latest)
    if layout.is_observed:
        raise invalid(
            "NotLabelled", "the truth of this model comes as observations, by entity and time: see forecast.truth"
        )
    if row.label is None:
        raise undecodable(ValueError("Object missing required field `label` (of a rating alone: `rating`)"))
    values = with_horizon(fit_truths(row.label, layout.target), layout.spec)
    check_moment(at, "labelled_at", latest)
    return LabelItem(place, row.prediction_id, values, at, row.label_source, row.weight, rating=row.rating)


def _fit_rating(row: LabelRow, layout: Layout, place: int, at: int, latest: int) -> LabelItem:
    """A rating without a label; raises `Refusal`."""
    if layout.is_observed:  # its forecasts are keyed by their series: it would not meet them
        raise invalid("NotRated", "forecasts whose truth comes as observations take no rating by prediction_id")
    check_moment(at, "labelled_at", latest)
    none = (None,) * len(layout.target)
    return LabelItem(place, row.prediction_id or "", none, at, row.label_source, None, rating=row.rating, rated_at=at)


class _Packed(msgspec.Struct, array_like=True, gc=False):
    times: bytes
    items: list[LabelItem]


_LATER_FIELDS = (("rated_at", 0), ("observed", False), ("rating", None), ("times", ()))
"""Fields that earlier releases did not have, the last one first, and what they are where they say nothing."""


def pack_labels(items: list[LabelItem], times: bytes) -> bytes:
    """Labels as a state entry, with the clock of their model's labels."""
    return msgspec.msgpack.encode((times, [plain_item(item) for item in items]))


def plain_item(item: LabelItem) -> tuple[object, ...]:
    """The label as state has it: without what it does not say, as earlier releases wrote and read it."""
    plain: tuple[object, ...] = item
    for name, unsaid in _LATER_FIELDS:
        if getattr(item, name) != unsaid:
            break
        plain = plain[:-1]
    return tuple(plain)


def unpack_labels(value: bytes) -> tuple[list[LabelItem], bytes]:
    """What `pack_labels` packed; entries of earlier versions are the labels alone."""
    try:
        packed = _packed.decode(value)
    except msgspec.ValidationError:
        return _alone.decode(value), b""
    return packed.items, packed.times


_packed = msgspec.msgpack.Decoder(_Packed)
_alone = msgspec.msgpack.Decoder(list[LabelItem])
