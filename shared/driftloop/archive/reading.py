"""Reads the newest labelled rows of a model, and how far the archive has come.

Why `QueryBuilder`: the dataset reader of deltalake aborts at interpreter exit now and then. Why the
list of files is looked at first: their statistics name the few files that hold the newest rows, so
the time to read does not grow with the table.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.archive.rows import ArchivedRows
from driftloop.archive.schema import ARCHIVE_SCHEMA, app_id, as_archived
from driftloop.contracts.message import FramePosition
from driftloop.errors import AwayError, ExitCode

if TYPE_CHECKING:
    from deltalake import DeltaTable

_NEWEST = 2**62
"""An offset beyond every frame."""


def archived_until(archive_uri: str, partition: int, storage_options: Mapping[str, str] | None = None) -> int:
    """The next frame offset that the archive lacks in a partition: every frame before it is in.

    0 where there is no table yet. A trainer waits until this is past the frame that it asks for.
    """
    table = _open(archive_uri, storage_options)
    return 0 if table is None else (table.transaction_version(app_id(partition)) or 0)


def read_rows(
    archive_uri: str,
    model_id: str,
    until: FramePosition,
    rows: int,
    storage_options: Mapping[str, str] | None = None,
) -> ArchivedRows:
    """The last `rows` labelled rows of a model at or before the frame `until`, oldest first.

    The same arguments pick the same rows for ever; a label that was corrected since shows its
    correction. Fewer rows where there are no more, none where there is no table.
    """
    table = _open(archive_uri, storage_options)
    first = None if table is None else _first_offset(table, model_id, until.offset, rows)
    if table is None or first is None:
        return ArchivedRows(model_id, until.partition, ARCHIVE_SCHEMA.empty_table())
    return ArchivedRows(model_id, until.partition, _query(table, model_id, first, until.offset, rows))


def newest_rows(
    archive_uri: str,
    model_id: str,
    rows: int,
    *,
    since: datetime | None = None,
    storage_options: Mapping[str, str] | None = None,
) -> ArchivedRows:
    """The last `rows` labelled rows of a model that are archived by now, oldest first; none that was predicted before
    `since`. None where there is no table, or no such row."""
    table = _open(archive_uri, storage_options)
    first = None if table is None else _first_offset(table, model_id, _NEWEST, rows)
    if table is None or first is None:
        return ArchivedRows(model_id, 0, ARCHIVE_SCHEMA.empty_table())
    found = _query(table, model_id, first, _NEWEST, rows)
    if since is not None:
        found = found.filter(pc.greater_equal(found["predicted_at"], pa.scalar(since, pa.timestamp("us", tz="UTC"))))
    partition = found["frame_partition"][-1].as_py() if len(found) else 0
    return ArchivedRows(model_id, partition, found)


def _open(archive_uri: str, storage_options: Mapping[str, str] | None) -> "DeltaTable | None":
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    options = dict(storage_options) if storage_options else None
    try:
        return DeltaTable(archive_uri, storage_options=options)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise AwayError(f"the archive at {archive_uri} cannot be read: {error}", ExitCode.ERROR) from error


def _first_offset(table: "DeltaTable", model_id: str, last: int, rows: int) -> int | None:
    """A frame offset from which on there are enough rows, by the statistics of the files."""
    files = pa.table(table.get_add_actions(flatten=True))
    own = files.filter(pc.equal(files["partition.model_id"], model_id))
    known = own.filter(pc.less_equal(own["min.frame_offset"], last)).sort_by([("max.frame_offset", "descending")])
    if known.num_rows == 0:
        return None
    first, found = None, 0
    for low, high, count in zip(
        *(known[name].to_pylist() for name in ("min.frame_offset", "max.frame_offset", "num_records")), strict=True
    ):
        if found >= rows and (first is None or high < first):
            break
        first = low if first is None else min(first, low)
        found += count if high <= last else 0
    return first


def _query(table: "DeltaTable", model_id: str, first: int, last: int, rows: int) -> pa.Table:
    from deltalake import QueryBuilder

    name = model_id.replace("'", "''")
    query = (
        f"SELECT * FROM archive WHERE model_id = '{name}' AND frame_offset >= {int(first)} "  # noqa: S608  (typed)
        f"AND frame_offset <= {int(last)} ORDER BY frame_offset DESC, frame_row DESC LIMIT {int(rows)}"
    )
    found = pa.table(QueryBuilder().register("archive", table).execute(query))
    typed = as_archived(found).combine_chunks()
    return typed.sort_by([("frame_offset", "ascending"), ("frame_row", "ascending")])
