"""Brings a registry view up to the end of the log."""

from driftloop.kafka.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.registry.intake import TOPICS
from driftloop.registry.view import RegistryView

_BATCH = 5_000


def sync(view: RegistryView, kafka: KafkaSettings) -> int:
    """Read what the view has not seen; how many messages were new. Raises UserError without a broker.

    Goes on where the last sync ended. What it reads twice does no harm.
    """
    reader = LogReader(kafka, TOPICS, start=view.cursors())
    try:
        new, batch = 0, []
        for record in reader.read_to(reader.ends()):
            batch.append(record)
            if len(batch) >= _BATCH:
                new += view.take_in(batch)
                batch = []
        return new + view.take_in(batch)
    finally:
        reader.close()
