"""Joins the halves of a log: request, response and label of an id, in whatever order and file they come.

What lacks its other half, and what cannot be read, is left out and counted; the notes say where the first of
each stands, and never what stands there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from driftloop.codec.scalars import category_text
from driftloop.counted import counted
from driftloop.files.named.payloads import Row

MOMENT = pa.timestamp("us", tz="UTC")
OWN = ("prediction_id", "predicted_at", "model_version", "prediction", "confidence", "label", "labelled_at")
"""Columns that a named format gives; a feature of one of these names is called `feature.NAME`."""


@dataclass(slots=True)
class _Exchange:
    """What is known of an id."""

    rows: list[Row] | None = None
    said: list[Row] | None = None
    at: datetime | None = None
    version: str | None = None
    where: str = ""


@dataclass(slots=True)
class Joined:
    """What has been read so far."""

    exchanges: dict[str, _Exchange] = field(default_factory=dict)
    labels: dict[str, tuple[list[Any], datetime | None]] = field(default_factory=dict)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Why → how often, and where first."""
    zoneless: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    """Column → what it holds, of a log whose schema tells it."""
    version: str | None = None
    told_again: int = 0
    """Labels that came with another value than before."""
    logged: list[tuple[str, Row, datetime | None, str]] = field(default_factory=list)
    """Id, columns, time and place of rows whose columns are told by a schema."""

    def request(self, key: str, rows: list[Row], where: str) -> None:
        """The rows of a request."""
        one = self._exchange(key, where)
        if one.rows is not None:
            self.fault("the same request again", where)
            return
        one.rows = rows

    def response(self, key: str, said: list[Row], where: str) -> None:
        """The predictions of a response, a row each."""
        one = self._exchange(key, where)
        if one.said is not None:
            self.fault("the same response again", where)
            return
        one.said = said

    def told(self, key: str, at: datetime | None, version: str | None) -> None:
        """When an exchange was and which version answered, as far as it is known."""
        one = self.exchanges[key]
        one.at, one.version = one.at or at, one.version or version

    def label(self, key: str, values: list[Any], at: datetime | None = None) -> None:
        """The truth about an exchange, a value a row; of several the newest holds, else the one that comes last."""
        known = self.labels.get(key)
        if known is not None:
            self.told_again += known[0] != values
            if at is not None and known[1] is not None and at < known[1]:
                return
        self.labels[key] = values, at

    def fault(self, why: str, where: str) -> None:
        """Something that is left out."""
        times, first = self.faults.get(why, (0, where))
        self.faults[why] = times + 1, first

    def _exchange(self, key: str, where: str) -> _Exchange:
        if key not in self.exchanges:
            self.exchanges[key] = _Exchange(where=where)
        return self.exchanges[key]

    def table(self) -> tuple[pa.Table, tuple[str, ...]]:
        """A row a prediction, in the order of their time, and what was left out."""
        rows = [row for key, one in self.exchanges.items() for row in self._rows(key, one)]
        lost = len(self.labels.keys() - self.exchanges.keys() - {row["prediction_id"] for row in rows})
        if lost:
            self.faults["labels of no prediction"] = lost, ""
        if rows and all(row["predicted_at"] is not None for row in rows):
            rows.sort(key=lambda row: row["predicted_at"])
        notes = [_sentence(why, times, first) for why, (times, first) in self.faults.items()]
        if self.told_again:
            notes.append(
                f"{counted(self.told_again, 'label', 'say')} otherwise than an earlier one of the same id: the newest "
                "by labelled_at holds, without it the last."
            )
        if self.zoneless:
            notes.append("Its times have no zone; they are read as UTC.")
        return _as_table(rows), tuple(notes)

    def _rows(self, key: str, one: _Exchange) -> list[Row]:
        if one.rows is None or one.said is None:
            self.fault(
                "a response without its request" if one.rows is None else "a request without a response", one.where
            )
            return []
        if len(one.rows) != len(one.said):
            self.fault("a response with more or fewer predictions than its request has rows", one.where)
            return []
        truth, labelled_at = self.labels.get(key, ([], None))
        several = len(one.rows) > 1
        if truth and len(truth) != len(one.rows):
            self.fault("labels that are more or fewer than the rows of their request", one.where)
            truth = []
        made = []
        for place, (features, said) in enumerate(zip(one.rows, one.said, strict=True)):
            own = f"{key}_{place}" if several else key
            label, at = (truth[place], labelled_at) if truth else _single(self.labels.get(own, ([None], None)))
            named = {f"feature.{name}" if name in OWN else name: value for name, value in features.items()}
            made.append({
                **named, **said, "prediction_id": own, "predicted_at": one.at, "model_version": one.version,
                "label": label, "labelled_at": at if label is not None else None,
            })  # fmt: skip
        return made


def _single(found: tuple[list[Any], datetime | None]) -> tuple[Any, datetime | None]:
    return (found[0][0] if found[0] else None), found[1]


def _sentence(why: str, times: int, first: str) -> str:
    where = f" (first: {first})" if first else ""
    return f"Left out: {why}, {times:,} ×{where}."


def moment_of(told: Any, joined: Joined) -> datetime | None:
    """A time as a log writes it: ISO text, or milliseconds since 1970; None where it is none.

    >>> moment_of("2026-06-01T00:00:00Z", Joined()).hour
    0
    """
    if isinstance(told, datetime):
        found = told
    elif isinstance(told, int | float) and not isinstance(told, bool):
        try:
            return datetime.fromtimestamp(told / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    else:
        try:
            found = datetime.fromisoformat(str(told).replace(" UTC", "+00:00"))
        except ValueError:
            return None
    if found.tzinfo is None:
        joined.zoneless = True
        return found.replace(tzinfo=UTC)
    return found.astimezone(UTC)


def _as_table(rows: Sequence[Row]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row if name not in OWN)) + list(OWN)
    columns = {name: _column(name, [row.get(name) for row in rows]) for name in names}
    return pa.table({name: one for name, one in columns.items() if one.null_count < len(one) or name not in OWN})


def _column(name: str, values: list[Any]) -> pa.Array:
    if name in ("predicted_at", "labelled_at"):
        return pa.array(values, MOMENT)
    there = [value for value in values if value is not None]
    if name not in ("prediction_id", "model_version") and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in there
    ):
        whole = all(isinstance(value, int) and abs(value) < 2**53 for value in there)
        return pa.array(values if whole else [None if v is None else float(v) for v in values])
    if there and all(isinstance(value, bool) for value in there):
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return (
        value if isinstance(value, str) else category_text(value) if not isinstance(value, list | dict) else str(value)
    )
