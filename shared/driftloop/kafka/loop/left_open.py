"""Ends what this replica's slot left open in partitions that another replica has by now.

Apache Kafka 4.3.0 and 4.3.1 may leave out the end of a transaction in a partition (KAFKA-20734, see `pending_offsets`).
Whoever has that partition next waits for the end, and only the producer that wrote there can write it: which never
comes there again. So each replica looks at the partitions that it wrote to and does not have any more, and after its
start at all of them, since it does not know what its slot did before. Each is looked at until all that it held is
decided. What lasts longer than the broker lets a transaction be open is ended here.

By which word: if the last transaction that wrote there is known to have been committed, by a commit, and nothing is
missing. If that is not known, by an abort, after which state and offsets may not fit together: whoever restores says
so. Offsets are always taken back: the group may have gone on since, and a commit would set it back.

Why this is safe: it is this slot's own producer, so no process is fenced; a record is written that no reader takes for
state (its key is empty, its value none); and where the transaction that is open is not ours, nothing but that record
is decided by it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from driftloop.kafka.clients.clients import CLIENT_LOG, group_reader, offset_reader
from driftloop.kafka.clients.offsets import without_errors
from driftloop.kafka.clients.retries import passes
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.pending_offsets import answer, as_it_is
from driftloop.kafka.loop.transport import Position, Write
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import KafkaSettings, LoopSettings

LOOK_EVERY_S = 5.0
_TIMES_AS_LONG = 10
"""So much longer than a look took it is until the next: a partition without a leader is waited for in vain."""
_LOOKS_ITSELF_S = 15.0
"""The broker looks for transactions that are open for too long every ten seconds."""
_ASK_S = 0.5


class LeftOpen:
    """`partitions`: how many each of the topics has. One thread; `writer` gives the slot's producer."""

    def __init__(
        self, kafka: KafkaSettings, settings: LoopSettings, partitions: int, writer: Callable[[], Writer]
    ) -> None:
        self._kafka, self._settings, self._writer = kafka, settings, writer
        self._deadlines = Deadlines.of(kafka)
        self._lasts_s = self._deadlines.transaction_s + _LOOKS_ITSELF_S
        self._partitions = partitions
        self._committed = dict.fromkeys(range(partitions), False)
        """Partition → whether the last transaction that wrote there is known to have been committed."""
        self._ends: dict[int, int] = {}
        self._since: dict[int, float] = {}
        self._due = time.monotonic() + LOOK_EVERY_S

    def wrote(self, writes: Iterable[Write], offsets: Iterable[Position], *, committed: bool) -> None:
        """A transaction with these is over: what it left open is not what was looked at before.

        State may be written where no offset moves: a snapshot of what was read before, or what a core does by itself.
        """
        state = {write.partition for write in writes if write.topic == self._settings.changelog}
        for number in state.union(number for _, number in offsets):
            if number is not None:
                self._committed[number] = committed
                self._ends.pop(number, None)
                self._since.pop(number, None)

    def look(self, owned: Collection[int]) -> None:
        """Ask where it is time; `owned` are not looked at: their restore does. Raises FencedError.

        A broker that does not answer is asked another time.
        """
        now = time.monotonic()
        if now < self._due:
            return
        for number in owned:
            self._ends.pop(number, None)
            self._since.pop(number, None)
        numbers = [number for number in self._committed if number not in owned]
        if numbers:
            with _or_another_time():
                self._look(numbers, now)
        over = time.monotonic()
        self._due = over + max(LOOK_EVERY_S, _TIMES_AS_LONG * (over - now))

    def end_held(self) -> None:
        """End what of any partition's state is held back, as far as it is ours; of a restore that stands still.

        Why all: whoever stands still may be waited for in turn, and does not come to look any more. Raises FencedError.
        """
        numbers = range(self._partitions)
        with (
            _or_another_time(),
            closing(offset_reader(self._kafka, self._settings.group)) as any_reader,
            closing(group_reader(self._kafka, self._settings.group)) as reader,
        ):
            ends, stable = self._asked(any_reader, numbers), self._asked(reader, numbers)
            self._end_logs([number for number in numbers if stable[number] < ends[number]])

    def _look(self, numbers: Sequence[int], now: float) -> None:
        with closing(offset_reader(self._kafka, self._settings.group)) as any_reader:
            fresh = [number for number in numbers if number not in self._ends]
            self._ends.update(self._asked(any_reader, fresh))
            self._since.update(dict.fromkeys(fresh, now))
            with closing(group_reader(self._kafka, self._settings.group)) as reader:
                stable = self._asked(reader, numbers)
                held = [number for number in numbers if stable[number] < self._ends[number]]
                asked = [tp for number in numbers for tp in self._inputs(number)]
                pending = numbers if self._wait(any_reader, reader, asked) else ()  # which of them, nobody says at once
                for number in {*numbers} - {*held, *pending}:
                    del self._committed[number], self._ends[number], self._since[number]
                lasting = {n for n in (*held, *pending) if now - self._since[n] > self._lasts_s}
                if not lasting:
                    return
                CLIENT_LOG.warning("partitions %s are held back: ended as far as they are ours", sorted(lasting))
                if lasting.intersection(pending):
                    self._end_offsets(any_reader, reader, asked)
        self._end_logs([number for number in held if number in lasting])
        self._since.update(dict.fromkeys(lasting, now))

    def _wait(self, any_reader: Consumer, reader: Consumer, asked: Sequence[TopicPartition]) -> bool:
        """Whether the group's offsets wait for an end. Raises KafkaException where the broker does not say.

        Why not by one question: to a new client on a slow line no answer comes within that time, whatever is asked.
        """
        began = time.monotonic()
        without_errors(any_reader.committed(list(asked), timeout=self._deadlines.ask_s))
        return answer(reader, asked, _ASK_S + 2 * (time.monotonic() - began)) is None

    def _end_logs(self, numbers: Sequence[int]) -> None:
        for commit in (True, False):
            logs = [(self._settings.changelog, n) for n in numbers if self._committed.get(n, False) is commit]
            if logs:
                self._writer().end_pending([], logs=logs, commit=commit)

    def _end_offsets(self, any_reader: Consumer, reader: Consumer, asked: Sequence[TopicPartition]) -> None:
        """One transaction of ours, in one partition, ends all that our last one holds of the group."""
        settled = answer(any_reader, asked, self._deadlines.ask_s)
        if settled is not None:
            self._writer().end_pending([as_it_is(settled[0])], reader)

    def _asked(self, reader: Consumer, numbers: Sequence[int]) -> Mapping[int, int]:
        """The end of each partition of the changelog, for this reader; 0 where there is no changelog."""
        if self._settings.state == "none" or not numbers:
            return dict.fromkeys(numbers, 0)
        name = self._kafka.topic_prefix + self._settings.changelog
        asked = [TopicPartition(name, number, OFFSET_END) for number in numbers]
        found = without_errors(reader.offsets_for_times(asked, timeout=self._deadlines.ask_s))
        return {tp.partition: int(tp.offset) for tp in found}

    def _inputs(self, number: int) -> list[TopicPartition]:
        return [TopicPartition(self._kafka.topic_prefix + topic, number) for topic in self._settings.inputs]


@contextmanager
def _or_another_time() -> Iterator[None]:
    """A broker that is away for now is no error."""
    try:
        yield
    except KafkaException as error:
        if error.args[0].fatal() or not passes(error.args[0]):
            raise
