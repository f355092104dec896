"""Single JSON events at a steady rate, each stamped with the moment of its publication; a process of its own.

    python -m driftloop.tools.bench.steady_load SERVERS RATE RUN

sends until its standard input ends (so that it never outlives who started it), then prints as JSON how many
were sent, in how many seconds, and by how much the slowest turn was late. The stamp is the event's
`predicted_at`: it travels with the row, so a reader of frames knows how old a row is.
"""

import json
import math
import select
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from driftloop.clock import system_now
from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.bench.ingest_rows import encode, make_rows

_TURN_S = 0.005
_MOST_S = 0.1
"""Of the rate, in one turn. Whoever is slower than the rate would else take longer with each turn, and not look whether
to stop."""
_DIFFERENT_ROWS = 5_000


class Event(NamedTuple):
    """An event as text, without its id and its times: they stand between the parts."""

    before_id: bytes
    before_time: bytes
    before_label_time: bytes
    end: bytes

    def text(self, name: bytes, at: bytes) -> bytes:
        """The event of that id, predicted and labelled at that time."""
        return b"".join((self.before_id, name, self.before_time, at, self.before_label_time, at, self.end))


def make_events(count: int) -> list[Event]:
    """Different rows to go through again and again."""
    return [_cut(record.value()) for record in encode(make_rows(count), "json")]  # type: ignore[arg-type]


def _cut(text: bytes) -> Event:
    parts, rest = [], text
    for name in (b'"prediction_id":"', b'"predicted_at":"', b'"labelled_at":"'):
        before, found, behind = rest.partition(name)
        parts.append(before + found)
        rest = behind[behind.index(b'"') :]
    return Event._make([*parts, rest])


def stamp(moment: datetime) -> bytes:
    """A moment in UTC as the events have it.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 1, 1, tzinfo=UTC))
    b'2026-01-01T00:00:00.000000Z'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def due(elapsed_s: float, rate: float, sent: int) -> int:
    """How many events are due that were not sent.

    >>> due(2.0, 100.0, 150)
    50
    """
    return max(0, int(elapsed_s * rate) - sent)


def publish(
    sender: Sender, events: Sequence[Event], rate: float, run: str, ended: Callable[[float], bool]
) -> dict[str, float]:
    """Send events of this run's ids; how many, for how long, and the most by which a turn was late (ms).

    `ended` waits at most that many seconds and says whether to stop.
    """
    started = turn = time.monotonic()
    sent, latest = 0, 0.0
    while not ended(max(0.0, turn - time.monotonic())):
        now = time.monotonic()
        at, latest = stamp(system_now()), max(latest, now - turn)
        for number in range(sent, sent + min(due(now - started, rate, sent), math.ceil(rate * _MOST_S))):
            name = f"{run}-{number:09d}".encode()
            sender.send(PREDICTION_OUTCOMES, name, events[number % len(events)].text(name, at))
            sent = number + 1
        turn = max(turn + _TURN_S, time.monotonic())
    return {"sent": sent, "seconds": round(time.monotonic() - started, 3), "latest_turn_ms": round(latest * 1000, 1)}


def _input_ended(timeout_s: float) -> bool:
    return bool(select.select([sys.stdin], [], [], timeout_s)[0])


def _main(servers: str, rate: float, run: str) -> None:
    events = make_events(_DIFFERENT_ROWS)
    sender = Sender(KafkaSettings(bootstrap_servers=servers))
    figures = publish(sender, events, rate, run, _input_ended)
    sender.close(60)
    print(json.dumps(figures))  # noqa: T201


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
