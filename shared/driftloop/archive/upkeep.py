"""What people do with the archive: look at its size, take rows out of it by days, and drop old days.

Days are those of `predicted_at`, in UTC. Rows of a day that was dropped are never learnt from again: a run that
is repeated after that finds fewer rows than it had.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from driftloop.errors import ExitCode, UserError

if TYPE_CHECKING:
    from deltalake import DeltaTable

Format = Literal["parquet", "csv"]
SAFETY_HOURS = 24
"""Files that were dropped stay for so long: somebody may still read them."""
_MAPS = {"numbers": "feature.", "categories": "feature.", "predictions": "prediction.", "labels_number": "label.",
         "labels_category": "label.", "segments": "segment."}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArchiveStats:
    """How much is there; the days are None where nothing is."""

    files: int
    rows: int
    bytes: int
    first_day: date | None
    last_day: date | None
    models: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        days = {name: day.isoformat() if day else None for name, day in self._days().items()}
        return {**asdict(self), **days, "models": dict(self.models)}

    def _days(self) -> dict[str, date | None]:
        return {"first_day": self.first_day, "last_day": self.last_day}


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` to `last`, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def holds(self, day: date) -> bool:
        """Whether a day is among them.

        >>> Days(last=date(2026, 1, 2)).holds(date(2026, 1, 2))
        True
        """
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


def archive_stats(uri: str, options: Mapping[str, str] | None = None) -> ArchiveStats:
    """Files, rows, bytes and days of the table, from its log alone; raises UserError where there is none."""
    files = _files(open_archive(uri, options))
    if files.num_rows == 0:
        return ArchiveStats(0, 0, 0, None, None, {})
    rows = files.group_by("model").aggregate([("rows", "sum")]).sort_by("model")
    models = dict(zip(rows["model"].to_pylist(), rows["rows_sum"].to_pylist(), strict=True))
    days = pc.min_max(files["day"]).as_py()
    total = {name: pc.sum(files[name]).as_py() for name in ("rows", "bytes")}
    return ArchiveStats(files.num_rows, total["rows"], total["bytes"], days["min"], days["max"], models)


def export_days(
    uri: str,
    model_id: str,
    folder: Path,
    days: Days,
    form: Format,
    *,
    options: Mapping[str, str] | None = None,
) -> dict[str, int]:
    """Write a file a day (`2026-01-05.parquet`) of a model's labelled rows; gives the rows by file.

    Columns are named as in frames: `feature.NAME`, `label.NAME`, `prediction.NAME`, `segment.NAME`. Raises
    UserError where the model has no rows on those days.
    """
    table = open_archive(uri, options)
    own = _files(table).filter(pc.field("model") == model_id)
    wanted = sorted(day for day in set(own["day"].to_pylist()) if days.holds(day))
    if not wanted:
        raise UserError(f"The archive has no rows of model {model_id} on those days.", ExitCode.NOT_FOUND)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for day, rows in _by_day(table, model_id, wanted):
        path = folder / f"{day.isoformat()}.{form}"
        flat = flattened(rows)
        if form == "parquet":
            pyarrow.parquet.write_table(flat, path)
        else:
            pyarrow.csv.write_csv(flat, path)
        written[path.name] = flat.num_rows
    return written


def prune_days(
    uri: str, before: date, *, safety_hours: int = SAFETY_HOURS, options: Mapping[str, str] | None = None
) -> int:
    """Drop all rows of days before `before`; gives how many. Their files go `safety_hours` later, at the next call."""
    table = open_archive(uri, options)
    dropped = drop_days(table, before)
    table.vacuum(retention_hours=safety_hours, dry_run=False, enforce_retention_duration=False)
    return dropped


def drop_days(table: "DeltaTable", before: date) -> int:
    """Drop the rows of days before `before` from a table; their files stay until it is vacuumed."""
    old = _files(table).filter(pc.field("day") < before)
    if old.num_rows:
        table.delete(f"day < CAST('{before.isoformat()}' AS DATE)")
    return int(pc.sum(old["rows"]).as_py() or 0)


def flattened(rows: pa.Table) -> pa.Table:
    """Rows of the archive with a column a feature, label, prediction and segment, in place of its maps."""
    columns = {name: rows[name] for name in rows.schema.names if name not in _MAPS}
    for name, prefix in _MAPS.items():
        entries = [dict(entry or ()) for entry in rows[name].to_pylist()]
        kind = pa.float64() if name in ("numbers", "labels_number") else pa.string()
        for key in sorted({key for entry in entries for key in entry}):
            columns[prefix + key] = pa.array([entry.get(key) for entry in entries], type=kind)
    return pa.table(columns)


def _by_day(table: "DeltaTable", model_id: str, days: list[date]) -> Iterator[tuple[date, pa.Table]]:
    from deltalake import QueryBuilder

    from driftloop.archive.schema import as_archived

    name = model_id.replace("'", "''")
    for day in days:
        query = (
            f"SELECT * FROM archive WHERE model_id = '{name}' AND day = CAST('{day.isoformat()}' AS DATE) "  # noqa: S608
            "ORDER BY frame_offset, frame_row"
        )
        found = pa.table(QueryBuilder().register("archive", table).execute(query))
        yield day, as_archived(found)


def _files(table: "DeltaTable") -> pa.Table:
    actions = pa.table(table.get_add_actions(flatten=True))
    return pa.table(
        {
            "model": actions["partition.model_id"].cast(pa.string()),
            "day": actions["partition.day"].cast(pa.date32()),
            "rows": actions["num_records"].cast(pa.int64()),
            "bytes": actions["size_bytes"].cast(pa.int64()),
        }
    )


def open_archive(uri: str, options: Mapping[str, str] | None) -> "DeltaTable":
    """The table; raises UserError where there is none, or it cannot be read."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(uri, storage_options=dict(options) if options else None)
    except TableNotFoundError as error:
        raise UserError(f"There is no archive at {uri}.", ExitCode.NOT_FOUND) from error
    except (DeltaError, OSError) as error:
        raise UserError(f"The archive at {uri} cannot be read: {error}", ExitCode.ERROR) from error
