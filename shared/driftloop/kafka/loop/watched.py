"""A transport whose every call is seen while it is under way, whatever it is made of."""

from collections.abc import Iterator, Mapping, Sequence

from driftloop.kafka.clients.under_way import CALLS, OWN_CODE
from driftloop.kafka.loop.identity import Stand
from driftloop.kafka.loop.transport import Polled, Position, Rebalance, Transport, Write
from driftloop.processor import LogIdentity, Record


class WatchedTransport:
    """See `driftloop.kafka.loop.transport.Transport`. Being told of a rebalance is our own code again."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def open(self, rebalance: Rebalance) -> None:
        """Join."""
        with CALLS.under_way("open"):
            self._transport.open(_WatchedRebalance(rebalance))

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Records."""
        with CALLS.under_way("poll"):
            return self._transport.poll(limit, timeout_s)

    def begin_at(self, offsets: Mapping[Position, int]) -> None:
        """Deliver from there."""
        with CALLS.under_way("begin_at"):
            self._transport.begin_at(offsets)

    def partitions(self, topic: str) -> int:
        """How many."""
        with CALLS.under_way("partitions"):
            return self._transport.partitions(topic)

    def identity(self) -> LogIdentity:
        """Which log this is."""
        with CALLS.under_way("identity"):
            return self._transport.identity()

    def stands(self, positions: Sequence[Position]) -> dict[Position, Stand]:
        """How the group stands."""
        with CALLS.under_way("stands"):
            return self._transport.stands(positions)

    def commit(self, writes: Sequence[Write], offsets: Mapping[Position, int]) -> None:
        """One transaction."""
        with CALLS.under_way("commit"):
            self._transport.commit(writes, offsets)

    def read(self, position: Position, start: int | None, stop: int | None) -> Iterator[Record]:
        """Records of a partition; the reader's own calls are seen, one by one."""
        return self._transport.read(position, start, stop)

    def poll_tables(self) -> list[tuple[str, list[Record]]]:
        """New rows."""
        with CALLS.under_way("poll_tables"):
            return self._transport.poll_tables()

    def catch_up_tables(self) -> list[tuple[str, list[Record]]]:
        """All rows."""
        with CALLS.under_way("catch_up_tables"):
            return self._transport.catch_up_tables()

    def lag(self, positions: Mapping[Position, int | None]) -> dict[Position, int]:
        """Offsets behind the end."""
        with CALLS.under_way("lag"):
            return self._transport.lag(positions)

    def close(self) -> None:
        """Leave."""
        with CALLS.under_way("close"):
            self._transport.close()


class _WatchedRebalance:
    """Called within `poll` and `close`: what follows is the loop's own work, however long the client waits for it."""

    def __init__(self, rebalance: Rebalance) -> None:
        self._rebalance = rebalance

    def on_assigned(self, positions: Sequence[Position]) -> None:
        """They came."""
        with CALLS.under_way(OWN_CODE):
            self._rebalance.on_assigned(positions)

    def on_revoked(self, positions: Sequence[Position]) -> None:
        """They go."""
        with CALLS.under_way(OWN_CODE):
            self._rebalance.on_revoked(positions)

    def on_lost(self, positions: Sequence[Position]) -> None:
        """They went."""
        with CALLS.under_way(OWN_CODE):
            self._rebalance.on_lost(positions)
