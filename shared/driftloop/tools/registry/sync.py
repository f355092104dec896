"""Brings a registry view up to the end of the log."""

from collections.abc import Mapping

from driftloop.kafka.clients.log_reader import LogReader, OffsetsGoneError
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.registry.intake import TOPICS
from driftloop.tools.registry.view import RegistryView

_BATCH = 5_000


def sync(view: RegistryView, kafka: KafkaSettings) -> int:
    """Read what the view has not seen; how many messages were new. Raises UserError without a broker.

    Goes on where the last sync ended; what it reads twice does no harm. Where the log has forgotten
    that place it reads all there is. A view that is ahead of the log is another log's: it is cleared.
    """
    try:
        return _read(view, kafka, view.cursors())
    except OffsetsGoneError:
        return _read(view, kafka, {})


def _read(view: RegistryView, kafka: KafkaSettings, start: Mapping[tuple[str, int], int]) -> int:
    reader = LogReader(kafka, TOPICS, start=start)
    try:
        ends = reader.ends()
        if any(start.get(position, 0) > end for position, end in ends.items()):
            view.clear()
            raise OffsetsGoneError
        new, batch = 0, []
        for record in reader.read_to(ends):
            batch.append(record)
            if len(batch) >= _BATCH:
                new += view.take_in(batch)
                batch = []
        return new + view.take_in(batch)
    finally:
        reader.close()
