"""A transport whose every call is seen while it is under way, whatever it is made of."""

from collections.abc import Iterator, Mapping, Sequence

from driftloop.kafka.clients.under_way import OWN_CODE, seen
from driftloop.kafka.loop.identity import Stand
from driftloop.kafka.loop.transport import Polled, Position, Rebalance, Transport, Write
from driftloop.processor import LogIdentity, Record


class WatchedTransport:
    """See `driftloop.kafka.loop.transport.Transport`. Being told of a rebalance is our own code again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @seen("open")
    def open(self, rebalance: Rebalance) -> None:
        """Join."""
        self._transport.open(_WatchedRebalance(rebalance))

    @seen("poll")
    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Records."""
        return self._transport.poll(limit, timeout_s)

    @seen("begin_at")
    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Deliver from there."""
        self._transport.begin_at(offsets)

    @seen("partitions")
    def partitions(self, topic: str) -> int:
        """How many."""
        return self._transport.partitions(topic)

    @seen("identity")
    def identity(self) -> LogIdentity:
        """Which log this is."""
        return self._transport.identity()

    @seen("stands")
    def stands(self, positions: Sequence[Position]) -> dict[Position, Stand]:
        """How the group stands."""
        return self._transport.stands(positions)

    @seen("commit")
    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """One transaction."""
        self._transport.commit(writes, offsets)

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """Records of a partition; the reader's own calls are seen, one by one."""
        return self._transport.read(position, start, stop)

    @seen("poll_tables")
    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows."""
        return self._transport.poll_tables()

    @seen("catch_up_tables")
    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """All rows."""
        return self._transport.catch_up_tables()

    @seen("lag")
    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """Offsets behind the end."""
        return self._transport.lag(positions)

    @seen("close")
    def close(self) -> None:
        """Leave."""
        self._transport.close()


class _WatchedRebalance:
    """Called within `poll` and `close`: what follows is the loop's own work, however long the client waits for it."""

    def __init__(self, rebalance: Rebalance) -> None:
        self._rebalance = rebalance

    @seen(OWN_CODE)
    def on_assigned(self, positions: Sequence[Position]) -> None:
        """They came."""
        self._rebalance.on_assigned(positions)

    @seen(OWN_CODE)
    def on_revoked(self, positions: Sequence[Position]) -> None:
        """They go."""
        self._rebalance.on_revoked(positions)

    @seen(OWN_CODE)
    def on_lost(self, positions: Sequence[Position]) -> None:
        """They went."""
        self._rebalance.on_lost(positions)
