"""Tables: topics that every replica reads in full, outside the group."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from driftloop.errors import AwayError
from driftloop.kafka.clients.log_reader import LogReader, OffsetsGoneError
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
        with self._said():
            return _by_topic(self._reader.poll(0.0))

    def catch_up(self) -> Rows:
        """Rows written before this call that were not given yet."""
        if not self._topics:
            return []
        if self._reader is None:
            self._reader = LogReader(self._kafka, self._topics)
        with self._said():
            return _by_topic(self._reader.read_to(self._reader.ends()))

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Rows that went before they were read are said in a sentence: nobody knows what was in them."""
        try:
            yield
        except OffsetsGoneError as error:
            raise AwayError(
                f"a table ({', '.join(self._topics)}) was deleted and made anew, or rows of it were deleted or lost, "
                "while it was read; publish what is missing again (specs: `driftloop models apply`), then start the "
                "service"
            ) from error

    def close(self) -> None:
        """Let the connection go."""
        if self._reader is not None:
            self._reader.close()


def _by_topic(records: Iterable[Record]) -> Rows:
    return [(topic, list(group)) for topic, group in groupby(records, key=lambda record: record.topic())]
