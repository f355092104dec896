"""Tables: topics that every replica reads in full, outside the group."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record

Rows = list[tuple[str, list[Record]]]


class Tables:
    """The rows of some topics as they come; the first call reads all there are."""

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        self._kafka, self._topics = kafka, topics
        self._reader: LogReader | None = None

    def poll(self) -> Rows:
        """Rows that came since."""
        if self._reader is None:
            return self.catch_up()
        return _by_topic(self._reader.poll(0.0))

    def catch_up(self) -> Rows:
        """Rows written before this call that were not given yet."""
        if not self._topics:
            return []
        if self._reader is None:
            self._reader = LogReader(self._kafka, self._topics)
        return _by_topic(self._reader.read_to(self._reader.ends()))

    def close(self) -> None:
        """Let the connection go."""
        if self._reader is not None:
            self._reader.close()


def _by_topic(records: Iterable[Record]) -> Rows:
    return [(topic, list(group)) for topic, group in groupby(records, key=lambda record: record.topic())]
