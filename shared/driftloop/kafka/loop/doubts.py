"""What one broker says against an offset is doubted for a while: it may be one that lost its leadership unawares.

A broker that is cut off from the others still takes itself for the leader of its partitions. Its log is shorter
than that of the leader that was elected meanwhile, and a client that knows no better asks it: "offset out of range", or
"no epoch found", is then said of records that are all there. As soon as it hears from the others it says that it does
not lead, and the client asks the right one. Seen on three brokers, one of them cut off for six seconds.
"""

import math
import time
from collections.abc import Iterable

from driftloop.kafka.loop.transport import Position

SURE_AFTER_S = 15.0
"""Longer than a broker that is back takes to hear that it does not lead; what is still said then is taken as true."""
AGAIN_S = 1.0
_ASKED = math.inf


class Doubts:
    """The positions of which something is doubted, since when, and when each is to be asked for again."""

    def __init__(self) -> None:
        self._open: dict[Position, tuple[float, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def __contains__(self, position: Position) -> bool:
        return position in self._open

    def raised(self, position: Position) -> bool:
        """Something was said against a position: whether that is still doubted."""
        now = time.monotonic()
        since, _ = self._open.get(position, (now, now))
        self._open[position] = since, now + AGAIN_S
        return now - since < SURE_AFTER_S

    def due(self) -> list[Position]:
        """What is to be asked for again now; each once for every time that it was doubted."""
        now = time.monotonic()
        due = [position for position, (_, at) in self._open.items() if at <= now]
        for position in due:
            self._open[position] = self._open[position][0], _ASKED
        return due

    def heard(self, positions: Iterable[Position]) -> None:
        """Something came of these: what was asked for again is not doubted any more, unless anew behind it."""
        self.over([position for position in positions if self._open.get(position, (0.0, 0.0))[1] == _ASKED])

    def over(self, positions: Iterable[Position]) -> None:
        """They are read from elsewhere, or are not ours any more."""
        for position in positions:
            self._open.pop(position, None)
