"""The archive with a sink that takes no more than so many rows a second; a process of its own.

    python -m driftloop.tools.bench.slow_archive ROWS_PER_SECOND

has the settings of `outcome_ingestion` from the environment, and says each write that it was handed as a
line of JSON. Beside that write a process holds the encoded frames of its batch and what the client fetched ahead.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence

from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE
from outcome_ingestion.core.archive.archiving import Archive, Sink
from outcome_ingestion.core.archive.rows import PlacedFrame, archive_batch
from outcome_ingestion.metrics import ArchiveMetrics
from outcome_ingestion.settings import Settings


class SlowSink:
    """A sink that takes `rows_per_second`; `say` hears of every write before it is made."""

    def __init__(
        self,
        sink: Sink,
        rows_per_second: float,
        say: Callable[[dict[str, int]], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sink, self._rate, self._say, self._sleep = sink, rows_per_second, say, sleep

    def belongs_to(self, cluster: str, topic_id: str) -> None:
        """As the sink has it."""
        self._sink.belongs_to(cluster, topic_id)

    def archived_until(self, partition: int) -> int:
        """As the sink has it."""
        return self._sink.archived_until(partition)

    def write(self, frames: Sequence[PlacedFrame]) -> None:
        """Write, and then wait as long as these rows take at that rate."""
        batch = archive_batch(frames)
        rows = batch.appends.num_rows + batch.corrections.num_rows
        self._say({"rows": rows, "bytes": batch.appends.nbytes + batch.corrections.nbytes})
        self._sink.write(frames)
        self._sleep(rows / self._rate)


def _main(rows_per_second: float) -> int:
    settings, metrics = Settings(role="archive"), LoopMetrics(ARCHIVE.service)
    sink = DeltaSink(settings.archive_uri, ArchiveMetrics(metrics.registry))
    slow = SlowSink(sink, rows_per_second, lambda one: print(json.dumps(one), flush=True))  # noqa: T201
    return Service(Loop(Archive(slow), ARCHIVE, metrics=metrics)).run()


if __name__ == "__main__":
    sys.exit(_main(float(sys.argv[1])))
