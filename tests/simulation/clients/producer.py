"""The producer, as the library behaves: which error asks for what, and what a time-out leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from zlib import crc32

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from tests.simulation.broker.coordinators import CONCURRENT, FENCED, STALE_MEMBER, UNKNOWN_MEMBER, RefusedError
from tests.simulation.broker.partition_log import Entry
from tests.simulation.current import CURRENT, failure, timed_out

from driftloop.kafka.clients.partitioner import murmur2

_AGAIN_S = 0.02


def _epoch(tp: TopicPartition) -> int:
    return -1 if tp.leader_epoch is None else int(tp.leader_epoch)


class SimulatedProducer:
    """See `confluent_kafka.Producer`. `_state`: new, ready, open, failed (to be aborted) or fatal."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._name = config.get("transactional.id")
        self._timeout_s = config.get("transaction.timeout.ms", 60_000) / 1000
        self._murmur = config.get("partitioner") == "murmur2_random"
        self._largest = config.get("message.max.bytes", 1_000_000)
        self._state, self._epoch = "new", -1
        self._queue: list[tuple[str, int, Entry, Callable[[Any, Any], None] | None]] = []
        self._under_way = ""

    # -- transactions ------------------------------------------------------------------------------

    def init_transactions(self, timeout: float = -1) -> None:
        """Fence whoever had the name; waits for the end of what he had open."""
        world = CURRENT.world
        deadline = world.now + timeout
        while True:
            world.request("init_transactions", timeout)
            try:
                _, self._epoch = world.cluster.init_producer(str(self._name), self._timeout_s)
            except RefusedError:
                if world.now > deadline:
                    raise timed_out("init_transactions") from None
                world.sleep(_AGAIN_S)
            else:
                break
        if world.draw("answer lost"):
            raise timed_out("init_transactions")
        self._state = "ready"

    def begin_transaction(self) -> None:
        """Local: the broker hears of it with the first record."""
        CURRENT.world.point("begin_transaction")
        self._require("ready")
        self._state = "open"

    def send_offsets_to_transaction(self, offsets: Sequence[TopicPartition], member: Any, timeout: float) -> None:
        """A group's offsets; a member that is no longer one is told to abort."""
        self._require("open")
        world = CURRENT.world
        world.request("send_offsets", timeout)
        named = {(tp.topic, tp.partition): (tp.offset, tp.metadata or "", _epoch(tp)) for tp in offsets}
        self._ask(
            lambda: world.cluster.add_offsets(str(self._name), self._epoch, member[0], member[1:], named, world.now)
        )
        if world.draw("answer lost"):
            raise timed_out("send_offsets_to_transaction")

    def commit_transaction(self, timeout: float = -1) -> None:
        """Everything that was produced is sent first. After a time-out nobody knows, and only this may be called."""
        self._finish("commit_transaction", timeout)

    def abort_transaction(self, timeout: float = -1) -> None:
        """Take back."""
        self._finish("abort_transaction", timeout)

    def _finish(self, call: str, timeout: float) -> None:
        if self._under_way not in ("", call):
            raise failure(KafkaError._CONFLICT, f"{self._under_way} is already under way")
        world, commit = CURRENT.world, call == "commit_transaction"
        if self._state == "fatal":
            raise self._fatal()
        if commit:
            self._require("open")
            self._under_way = call
            self._send_all()
        elif self._state not in ("open", "failed"):
            raise failure(KafkaError._STATE, f"{call} in state {self._state}")
        self._under_way = call
        self._queue.clear()
        world.request(call, timeout)
        if world.draw("request lost"):
            world.sleep(timeout)
            raise timed_out(call)
        self._ask(lambda: world.cluster.end(str(self._name), self._epoch, commit))
        if world.draw("answer lost"):
            world.sleep(timeout)
            raise timed_out(call)
        world.point("answered")
        self._state, self._under_way = "ready", ""

    # -- records --------------------------------------------------------------------------------------

    def produce(
        self,
        topic: str,
        value: bytes | str | None = None,
        key: bytes | str | None = None,
        partition: int = -1,
        on_delivery: Callable[[Any, Any], None] | None = None,
        headers: Any = None,
        **_: Any,
    ) -> None:
        """Hand a record over; some are sent at once."""
        world = CURRENT.world
        raw_key = key.encode() if isinstance(key, str) else key
        raw = value.encode() if isinstance(value, str) else value
        if len(raw or b"") > self._largest:
            self._state = "failed" if self._name else self._state
            raise failure(KafkaError.MSG_SIZE_TOO_LARGE, "Message size too large", txn_requires_abort=bool(self._name))
        if self._name:
            self._require("open")
        if partition < 0:
            partition = self._partition(raw_key, len(world.cluster.topics[topic]))
        entry = Entry(raw_key, raw, tuple(headers or ()), world.wall_ms)
        self._queue.append((topic, partition, entry, on_delivery))
        if world.draw("sent early"):
            self._send_all()

    def _partition(self, key: bytes | None, count: int) -> int:
        if key is None:
            return CURRENT.world.random.randrange(count)
        return (murmur2(key) & 0x7FFFFFFF) % count if self._murmur else crc32(key) % count

    def flush(self, timeout: float = -1) -> int:
        """Send what is queued."""
        CURRENT.world.request("flush", timeout)
        self._send_all()
        return 0

    def poll(self, timeout: float = 0.0) -> int:
        """Nothing to hear."""
        return 0

    def purge(self, **_: Any) -> None:
        """Forget what is queued."""
        self._queue.clear()

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> Any:
        """Topics and partitions."""
        from tests.simulation.clients.metadata import cluster_metadata

        return cluster_metadata(topic, timeout)

    def _send_all(self) -> None:
        world = CURRENT.world
        while self._queue:
            topic, partition, entry, told = self._queue.pop(0)
            if self._name is None:
                offset = world.cluster.log((topic, partition)).append(entry)
                if told is not None:
                    told(None, Message(topic, partition, offset, entry.key, entry.value))
                continue
            if world.draw("delivery failed"):
                self._state = "failed"
                raise failure(KafkaError._MSG_TIMED_OUT, "a record was not delivered", txn_requires_abort=True)
            position = topic, partition
            self._ask(partial(self._produce, position, entry))
            if world.draw("pause between records"):
                world.point("produce")

    def _produce(self, position: tuple[str, int], entry: Entry) -> None:
        world = CURRENT.world
        world.cluster.produce(str(self._name), self._epoch, position, entry, world.now)

    # -- errors -----------------------------------------------------------------------------------------

    def _require(self, state: str) -> None:
        if self._state == "fatal":
            raise self._fatal()
        if self._state == "failed":
            raise failure(KafkaError._STATE, "the transaction is to be aborted", txn_requires_abort=True)
        if self._state != state:
            raise failure(KafkaError._STATE, f"the producer is in state {self._state}")

    def _fatal(self) -> KafkaException:
        return failure(KafkaError._FENCED, "This instance has been fenced by a newer instance", fatal=True)

    def _ask(self, request: Callable[[], Any]) -> None:
        """Make a request; wait while an earlier transaction is ending."""
        while True:
            try:
                request()
            except RefusedError as refused:
                why = refused.args[0]
                if why == CONCURRENT:
                    CURRENT.world.sleep(_AGAIN_S)
                    continue
                if why in (UNKNOWN_MEMBER, STALE_MEMBER):
                    self._state = "failed"
                    code = KafkaError.UNKNOWN_MEMBER_ID if why == UNKNOWN_MEMBER else KafkaError.ILLEGAL_GENERATION
                    raise failure(code, f"the member is {why}", txn_requires_abort=True) from None
                assert why == FENCED or "state" in why
                self._state = "fatal"
                raise self._fatal() from None
            else:
                return
