"""The Delta table as a sink.

An append carries, in Delta's own log, how far each partition of outcome-frames has come: append and
progress are one commit. Corrections go before, as a merge that does nothing the second time, so a
crash between the two is mended by doing both again.

A replica that was frozen, or that the group took for dead, may write beside the one that took its
partitions over. Delta refuses the second of two commits that say how far the same partition is; the one
refused looks anew how far each of its partitions has come, and keeps only the frames after that.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import TypeVar

import pyarrow as pa
import structlog
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.table import TableMerger

from driftloop.archive.owner import hold
from driftloop.archive.schema import ARCHIVE_SCHEMA, CORRECTED, PARTITION_BY, app_id
from driftloop.archive.upkeep import drop_days
from driftloop.clock import Clock, system_now
from driftloop.errors import AwayError
from outcome_ingestion.core.archive.rows import ArchiveBatch, PlacedFrame, archive_batch
from outcome_ingestion.metrics import ArchiveMetrics

T = TypeVar("T")
_FAILURES = (DeltaError, OSError)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_KEEP_OLD_FILES_HOURS = 2
_COMPACTED_BYTES = 32 * 1024 * 1024
"""Files are joined up to this size, one at a time. To join files takes several times their size of memory: with
Delta's own limit of 100 MB an archive grew by 250 MB while its files grew to 70 MB."""


class DeltaSink:
    """Writes batches. One that fails is tried again for `retry_seconds`, then an AwayError says why."""

    def __init__(
        self,
        uri: str,
        metrics: ArchiveMetrics,
        *,
        retry_seconds: float = 60.0,
        compact_every: int = 100,
        retention_days: int | None = None,
        now: Clock = system_now,
        storage_options: Mapping[str, str] | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._uri, self._metrics = uri, metrics
        self._retry_seconds, self._compact_every = retry_seconds, compact_every
        self._options = dict(storage_options) if storage_options else None
        self._pause = pause or threading.Event().wait
        self._retention_days, self._now, self._pruned_on = retention_days, now, date.min
        self._table: DeltaTable | None = None
        self._commits = 0
        self._owner: tuple[str, str] | None = None
        self._log = structlog.get_logger(service="outcome_archive")

    def belongs_to(self, cluster: str, topic_id: str) -> None:
        """Say which log the rows are of, now and in future; raises AwayError where the table has another log's."""
        self._owner = cluster, topic_id
        self._persistently(self._fresh)

    def archived_until(self, partition: int) -> int:
        """The next frame offset that the table lacks in a partition."""
        return self._persistently(lambda: self._fresh().transaction_version(app_id(partition)) or 0)

    def write(self, frames: Sequence[PlacedFrame]) -> None:
        """Of the frames that the table lacks: merge corrections and ratings, then append rows with their offsets."""
        started = time.monotonic()
        batch = self._persistently(lambda: self._write_once(frames))
        self._metrics.seconds.observe(time.monotonic() - started)
        self._metrics.rows.labels("appended").inc(batch.appends.num_rows)
        self._metrics.rows.labels("corrected").inc(batch.corrections.num_rows)
        self._metrics.rows.labels("rated").inc(batch.ratings.num_rows)
        self._metrics.bytes.inc(batch.appends.nbytes)
        self._metrics.commits.inc()
        self._commits += 1
        if self._commits % self._compact_every == 0:
            self._compact()
        self._forget()

    def _write_once(self, frames: Sequence[PlacedFrame]) -> ArchiveBatch:
        table = self._fresh()
        batch = archive_batch(_lacking(table, frames))
        if batch.corrections.num_rows:
            _merge(table, _as_the_table(table, batch.corrections))
        if batch.ratings.num_rows:
            _merge_ratings(table, _as_the_table(table, batch.ratings))
        if batch.corrections.num_rows or batch.ratings.num_rows:
            batch = archive_batch(_lacking(table, frames))  # the merge has read what others wrote meanwhile
        if batch.until:
            progress = [Transaction(app_id(partition), until) for partition, until in sorted(batch.until.items())]
            write_deltalake(
                table,
                _as_the_table(table, batch.appends),
                mode="append",
                partition_by=PARTITION_BY,
                commit_properties=CommitProperties(app_transactions=progress),
            )
        return batch

    def _fresh(self) -> DeltaTable:
        """The table as it is now; it is made where there is none."""
        if self._table is None:
            self._table = self._opened()
        else:
            self._table.update_incremental()
        return self._table

    def _opened(self) -> DeltaTable:
        table = self._found_or_made()
        if self._owner is not None:
            hold(table, self._uri, *self._owner)
        return table

    def _found_or_made(self) -> DeltaTable:
        try:
            return DeltaTable(self._uri, storage_options=self._options)
        except TableNotFoundError:
            return DeltaTable.create(
                self._uri,
                ARCHIVE_SCHEMA,
                mode="ignore",
                partition_by=PARTITION_BY,
                name="driftloop archive",
                description="Labelled rows of all models; see driftloop.archive.schema.",
                storage_options=self._options,
            )

    def _persistently(self, work: Callable[[], T]) -> T:
        pause, deadline = _FIRST_PAUSE_S, time.monotonic() + self._retry_seconds
        while True:
            try:
                return work()
            except _FAILURES as error:
                self._table = None
                self._metrics.failures.inc()
                if time.monotonic() + pause > deadline:
                    raise AwayError(f"the archive at {self._uri} cannot be written: {error}") from error
                self._log.warning("the archive cannot be written, trying again", error=str(error), seconds=pause)
            self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _forget(self) -> None:
        """Once a day, drop the rows of days that are past retention. What fails here is done next time."""
        today = self._now().date()
        if self._retention_days is None or today == self._pruned_on:
            return
        before = today - timedelta(days=self._retention_days)
        try:
            dropped = drop_days(self._fresh(), before)
        except _FAILURES as error:
            self._table = None
            self._log.warning("old days could not be dropped", before=str(before), error=str(error))
            return
        self._pruned_on = today
        self._metrics.dropped.inc(dropped)
        if dropped:
            self._log.info("rows past retention were dropped", before=str(before), rows=dropped)

    def _compact(self) -> None:
        """Join small files and remove those that nobody reads any more. What fails here is done next time."""
        try:
            table = self._fresh()
            table.optimize.compact(target_size=_COMPACTED_BYTES, max_concurrent_tasks=1)
            table.vacuum(retention_hours=_KEEP_OLD_FILES_HOURS, dry_run=False, enforce_retention_duration=False)
            self._metrics.compactions.inc()
        except _FAILURES as error:
            self._table = None
            self._log.warning("compaction failed", error=str(error))


def _as_the_table(table: DeltaTable, rows: pa.Table) -> pa.Table:
    """The rows in the table's columns. One of an earlier release gets a column when a row has something in it.

    Not before: an earlier release cannot append to a table with a column that it does not know, and may have to.
    """
    known = {field.name for field in table.schema().fields}
    lacking = [name for name in ARCHIVE_SCHEMA.names if name not in known]
    wanted = [name for name in lacking if rows[name].null_count < rows.num_rows]
    if wanted:
        table.alter.add_columns([field for field in Schema.from_arrow(ARCHIVE_SCHEMA).fields if field.name in wanted])
        table.update_incremental()
    return rows.drop_columns([name for name in lacking if name not in wanted])


def _lacking(table: DeltaTable, frames: Sequence[PlacedFrame]) -> list[PlacedFrame]:
    """The frames that this version of the table does not have."""
    until = {p: table.transaction_version(app_id(p)) or 0 for p in {frame.partition for frame in frames}}
    return [frame for frame in frames if frame.offset >= until[frame.partition]]


def _merge(table: DeltaTable, corrections: pa.Table) -> None:
    """Replace labels of rows that are there, by newer ones only; add rows that are not."""
    merger = _merger(table, corrections)
    newer = "s.labelled_at > t.labelled_at"
    changed = {name: f"s.{name}" for name in CORRECTED if name in corrections.column_names}
    if "rating" in changed:
        changed["rating"] = "COALESCE(s.rating, t.rating)"  # none said is none taken back
    merger.when_matched_update(changed, newer).when_not_matched_insert_all().execute()


def _merge_ratings(table: DeltaTable, ratings: pa.Table) -> None:
    """Set the ratings of rows that are there. A row that is not has no label yet, and comes with its rating."""
    _merger(table, ratings).when_matched_update({"rating": "s.rating"}).execute()


def _merger(table: DeltaTable, rows: pa.Table) -> TableMerger:
    """A merge of rows of the same models, days and ids, which reads the partitions that they are in alone."""
    models = sorted(set(rows["model_id"].to_pylist()))
    days = sorted(set(rows["day"].to_pylist()))
    own = ", ".join("'" + model.replace("'", "''") + "'" for model in models)
    between = f"t.day >= CAST('{days[0]}' AS DATE) AND t.day <= CAST('{days[-1]}' AS DATE)"
    same = "t.model_id = s.model_id AND t.day = s.day AND t.prediction_id = s.prediction_id"
    return table.merge(rows, f"t.model_id IN ({own}) AND {between} AND {same}", source_alias="s", target_alias="t")
