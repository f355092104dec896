"""The archive without its memory: what the control runs, because the table and not Kafka keeps rows out twice."""

import sys
from collections.abc import Sequence

from deltalake import write_deltalake

from driftloop.archive.schema import PARTITION_BY
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings
from driftloop.telemetry.logs import configure_logs
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.archive.rows import ArchiveBatch, PlacedFrame, archive_batch
from outcome_ingestion.metrics import ArchiveMetrics
from outcome_ingestion.settings import Settings


class ForgetfulSink(DeltaSink):
    """Appends without saying how far it has come."""

    def archived_until(self, partition: int) -> int:
        return 0

    def _write_once(self, frames: Sequence[PlacedFrame]) -> ArchiveBatch:
        batch = archive_batch(frames)
        write_deltalake(self._fresh(), batch.appends, mode="append", partition_by=PARTITION_BY)
        return batch


if __name__ == "__main__":
    configure_logs("outcome_archive")
    metrics = LoopMetrics(ARCHIVE.service)
    sink = ForgetfulSink(Settings().archive_uri, ArchiveMetrics(metrics.registry))
    sys.exit(Service(Loop(Archive(sink), ARCHIVE, KafkaSettings(), metrics=metrics)).run())
