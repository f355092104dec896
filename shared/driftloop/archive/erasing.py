"""Erases rows from the archive for good, and remembers which frames they were of, so that lineage can say so.

What is remembered is a property of the table: moments, frames and numbers of rows, never an id or a value. It is
written before rows go: done again after a crash in between, the same rows are found and remembered once.

Rows are deleted by their places, in one commit. Delta keeps the condition of a delete in its log: an id or a value
in it would outlive the rows. And an id may be of several rows, not all of whom are meant.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from driftloop.archive.schema import values_of
from driftloop.archive.upkeep import SAFETY_HOURS, open_archive
from driftloop.clock import Clock
from driftloop.contracts.training_results import TrainingData
from driftloop.errors import AwayError

if TYPE_CHECKING:
    from deltalake import DeltaTable

PROPERTY = "driftloop.erased"
"""The table's property that tells what was erased."""
MOST_RANGES = 1_000
"""Of one erasure; frames that lie nearest to one another are told as one range where there are more."""
Place = tuple[int, int, int]
"""Where a row first came by: partition and offset of its frame, and the row in it. No two rows share one."""
_AT_ONCE = 500
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a model: those with one of these ids, or of one value of a segment (name, value)."""

    model_id: str
    prediction_ids: tuple[str, ...] = ()
    segment: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Frames of one partition, from `first` to `last`, and how many erased rows were in them."""

    partition: int
    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """Rows of a model that are in the archive no more."""

    model_id: str
    at: datetime
    rows: int
    ranges: tuple[Range, ...]
    done: datetime | None = None
    """When the rows had gone: nobody who asks for them later learns from them. None: it was not seen to its end."""

    @property
    def name(self) -> str:
        """The same for the same rows; made of the model and their frames, and of nobody's id or value."""
        told = json.dumps([self.model_id, [asdict(one) for one in self.ranges]])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def rows_of(self, data: TrainingData) -> int:
        """How many of them a version learnt from whose data these are; of a range that is partly inside, all count."""
        inside = [
            one.rows
            for one in self.ranges
            if one.partition == data.first.partition and one.last >= data.first.offset and one.first <= data.last.offset
        ]
        return sum(inside)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that would be erased."""

    wanted: Wanted
    prediction_ids: tuple[str, ...]
    rows: int
    days: tuple[date, ...]
    ranges: tuple[Range, ...]
    places: tuple[Place, ...] = ()


def find_rows(uri: str, wanted: Wanted, options: Mapping[str, str] | None = None) -> Found:
    """What the archive has of them; raises UserError where there is no archive."""
    table = open_archive(uri, options)
    found = pa.concat_tables([_query(table, condition) for condition in _conditions(wanted)])
    ids = tuple(sorted({str(one) for one in found["prediction_id"].to_pylist()}))
    columns = (found[name].to_pylist() for name in ("frame_partition", "frame_offset", "frame_row"))
    places = tuple(sorted(zip(*columns, strict=True)))
    ranges = ranges_of(Counter((partition, offset) for partition, offset, _ in places))
    days = tuple(sorted(set(found["day"].to_pylist())))
    return Found(wanted, ids, found.num_rows, days, ranges, places)


def erase_rows(
    uri: str, found: Found, now: Clock, *, safety_hours: int = SAFETY_HOURS, options: Mapping[str, str] | None = None
) -> None:
    """Erase them. The files that held them go `safety_hours` later, at the next clean-up; with 0, at once.

    Files of commits that were refused are in no log. They go too, where `safety_hours` is 24 or more.
    Raises AwayError where others change the table at the same time, again and again.
    """
    table = open_archive(uri, options)
    if found.rows:
        erasure = Erasure(found.wanted.model_id, now(), found.rows, found.ranges)
        _again(table, lambda: _remember(table, erasure))
        _again(table, lambda: table.delete(_at(found.wanted.model_id, found.places)))
        _again(table, lambda: _remember(table, replace(erasure, done=now())))
    is_safe = safety_hours >= SAFETY_HOURS  # younger files without a commit may be of one that is under way
    table.vacuum(retention_hours=safety_hours, dry_run=False, enforce_retention_duration=False, full=is_safe)


def erasures(uri: str, model_id: str | None = None, options: Mapping[str, str] | None = None) -> list[Erasure]:
    """What was erased of a model, or of all where none is named; the oldest first."""
    known = _read(open_archive(uri, options)).values()
    return [one for one in known if model_id is None or one.model_id == model_id]


def ranges_of(places: Mapping[tuple[int, int], int], most: int = MOST_RANGES) -> tuple[Range, ...]:
    """Numbers of rows by (partition, offset) as ranges, at most `most` of them.

    >>> ranges_of({(0, 7): 1, (0, 8): 2, (0, 90): 1}, most=2)
    (Range(partition=0, first=7, last=8, rows=3), Range(partition=0, first=90, last=90, rows=1))
    """
    ranges = [Range(partition, offset, offset, rows) for (partition, offset), rows in sorted(places.items())]
    while len(ranges) > most:
        gaps = [
            (other.first - one.last, place)
            for place, (one, other) in enumerate(pairwise(ranges))
            if one.partition == other.partition
        ]
        if not gaps:
            break
        joined = {place for _, place in sorted(gaps)[: len(ranges) - most]}
        ranges = _joined(ranges, joined)
    return tuple(ranges)


def _joined(ranges: Sequence[Range], joined: set[int]) -> list[Range]:
    """Each range at one of these places together with the one after it."""
    found: list[Range] = []
    for place, one in enumerate(ranges):
        if place - 1 in joined:
            before = found.pop()
            found.append(Range(one.partition, before.first, one.last, before.rows + one.rows))
        else:
            found.append(one)
    return found


def _conditions(wanted: Wanted) -> list[str]:
    """SQL that is true of the rows, in parts."""
    own = _of(wanted.model_id)
    if wanted.segment is not None:
        name, value = (_quoted(part) for part in wanted.segment)
        return [f"{own} AND element_at(segments, '{name}')[1] = '{value}'"]
    ids = sorted(set(wanted.prediction_ids))
    parts = [ids[begin : begin + _AT_ONCE] for begin in range(0, len(ids), _AT_ONCE)]
    listed = [", ".join(f"'{_quoted(one)}'" for one in part) for part in parts]
    return [f"{own} AND prediction_id IN ({part})" for part in listed] or [f"{own} AND 1 = 0"]


def _at(model_id: str, places: Sequence[Place]) -> str:
    """SQL that is true of the rows at these places (ascending). The bounds keep the lists apart and short."""
    offsets: dict[tuple[int, int], list[int]] = {}
    for partition, offset, row in places:
        offsets.setdefault((partition, row), []).append(offset)
    parts = [
        f"(frame_partition = {partition} AND frame_row = {row} AND frame_offset >= {some[0]} "
        f"AND frame_offset <= {some[-1]} AND frame_offset IN ({', '.join(map(str, some))}))"
        for (partition, row), those in sorted(offsets.items())
        for some in (those[begin : begin + _AT_ONCE] for begin in range(0, len(those), _AT_ONCE))
    ]
    return f"{_of(model_id)} AND {_any_of(parts)}"


def _of(model_id: str) -> str:
    """SQL that is true of a model's rows and of the values of its series."""
    return f"model_id IN ('{_quoted(model_id)}', '{_quoted(values_of(model_id))}')"


def _any_of(parts: Sequence[str]) -> str:
    """Conditions joined as a balanced tree, which stays flat: queries are planned by recursion."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_any_of(parts[:middle])} OR {_any_of(parts[middle:])})"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _query(table: "DeltaTable", condition: str) -> pa.Table:
    from deltalake import QueryBuilder

    kinds = {
        "prediction_id": pa.string(),
        "frame_partition": pa.int64(),
        "frame_offset": pa.int64(),
        "frame_row": pa.int64(),
        "day": pa.date32(),
    }
    query = f"SELECT {', '.join(kinds)} FROM archive WHERE {condition}"  # noqa: S608
    return pa.table(QueryBuilder().register("archive", table).execute(query)).cast(pa.schema(list(kinds.items())))


def _again(table: "DeltaTable", change: Callable[[], object]) -> None:
    """Change the table, and again where another commit came in between: corrections and compactions move no place."""
    from deltalake.exceptions import CommitFailedError

    for left in reversed(range(_TRIES)):
        try:
            change()
        except CommitFailedError as error:
            if not left:
                raise AwayError(
                    f"The archive was changed by others {_TRIES} times meanwhile, and not all is erased: "
                    "run the command again."
                ) from error
            table.update_incremental()
        else:
            return


def _remember(table: "DeltaTable", erasure: Erasure) -> None:
    """Once for the same rows, since the first time; where they came back and are erased again, done when that is."""
    known, name = _read(table), erasure.name
    if (before := known.get(name)) is not None:
        erasure = replace(before, done=erasure.done)
    if erasure == before:
        return
    told = {key: _facts(one) for key, one in {**known, name: erasure}.items()}
    table.alter.set_table_properties({PROPERTY: json.dumps(told)}, raise_if_not_exists=False)
    table.update_incremental()


def _facts(erasure: Erasure) -> dict[str, Any]:
    ranges = [[one.partition, one.first, one.last, one.rows] for one in erasure.ranges]
    facts = {"model": erasure.model_id, "at": erasure.at.isoformat(), "rows": erasure.rows, "ranges": ranges}
    return facts | ({} if erasure.done is None else {"done": erasure.done.isoformat()})


def _read(table: "DeltaTable") -> dict[str, Erasure]:
    told = json.loads(table.metadata().configuration.get(PROPERTY) or "{}")
    return {name: _erasure(facts) for name, facts in told.items()}


def _erasure(facts: dict[str, Any]) -> Erasure:
    at, done = datetime.fromisoformat(facts["at"]), facts.get("done")
    ranges = tuple(Range(*part) for part in facts["ranges"])
    return Erasure(facts["model"], at, facts["rows"], ranges, None if done is None else datetime.fromisoformat(done))
