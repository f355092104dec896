"""Which messages are sent now, under which key, and what their end means.

Why a message is marked in a transaction before it is sent: whoever finds the mark after a restart knows that the
message may have arrived. To a receiver that knows repeats it is sent again under the same key. To one that does not,
it is sent a second time at most; if the end of that one is unknown too, it is passed over, and that is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from operations_console.core.notify.mutes import Mutes
from operations_console.core.notify.outbox import MOST_ATTEMPTS, Incident, Queue
from operations_console.core.notify.rules import SEVERITY, Channel, Rules
from operations_console.core.notify.wording import Telling, digest_of, digest_telling, telling

End = Literal["delivered", "refused", "unknown"]
PassedOver = Literal["given_up", "unsure"]
AT_ONCE = 4
"""Messages on their way to one channel: a receiver that hangs keeps nothing from another one. To one that does not know
repeats it is one at a time, so that of one alone it is not known after a kill whether it arrived."""
MOST_UNKNOWN = 2
"""Sends that may have arrived, at a receiver that does not know repeats."""
_URGENCY = {"page": 0, "ticket": 1, "info": 2}


class Deliverer(Protocol):
    """Delivers in the background."""

    def start(self, told: Telling) -> None:
        """Begin to deliver, once."""
        ...

    def results(self) -> list[tuple[Telling, End]]:
        """What has ended since the last call, and how."""
        ...

    def passed_over(self, told: Telling, why: PassedOver) -> None:
        """A message that is not sent any more though nobody knows that it arrived: say so."""
        ...


class Place(NamedTuple):
    """An incident's entry of a partition."""

    partition: int
    key: str


class Due(NamedTuple):
    """A queue whose message is to be sent."""

    place: Place
    incident: Incident
    queue: Queue


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and whose queues it is of. `sends` says of each which sending this is."""

    told: Telling
    sends: Mapping[Place, int]

    @property
    def name(self) -> tuple[str, str]:
        """What it is known by while it is on its way."""
        return self.told.channel, self.told.idempotency_key


def messages_due(
    rules: Rules,
    incidents: Mapping[int, Mapping[str, Incident]],
    now: datetime,
    on_their_way: Mapping[str, int],
    mutes: Mutes,
) -> Iterator[tuple[str, list[Due]]]:
    """Channel and queues of each message that is due, as many as the channels have room for.

    Pages come first, then what was not sent yet: a process that is killed again and again tells of everything."""
    room = {
        name: (AT_ONCE if channel.may_repeat else 1) - on_their_way.get(name, 0)
        for name, channel in rules.channels.items()
    }
    for channel, due in _messages(rules, incidents, now, mutes):
        if room.get(channel, 0) > 0:
            room[channel] -= 1
            yield channel, due


def message_of(channel: str, due: Iterable[Due], rules: Rules) -> tuple[Message, dict[Place, Queue]]:
    """The message for a channel, and its queues once they are marked."""
    parts = list(due)
    first = parts[0]
    if first.queue.digest:
        batch = first.queue.batch or digest_of(channel, [(one.incident, one.queue.pending) for one in parts])
        begun = {one.place: one.queue.begun(batch) for one in parts}
        items = [(one.incident, one.queue.pending[: begun[one.place].at_once]) for one in parts]
        told = digest_telling(items, channel, rules.console)
    else:
        begun = {first.place: first.queue.begun()}
        told = telling(first.incident, channel, first.queue.pending[0], rules.console)
    return Message(told, {place: queue.sends for place, queue in begun.items()}), begun


def hopeless(channel: Channel, due: Iterable[Due]) -> PassedOver | None:
    """Why a message is not sent to a channel any more; None while it is."""
    queues = [one.queue for one in due]
    if max(queue.unknown for queue in queues) >= MOST_UNKNOWN and not channel.may_repeat:
        return "unsure"
    return "given_up" if max(queue.attempts for queue in queues) >= MOST_ATTEMPTS else None


def due_at(incident: Incident, channel: str, rules: Rules, mutes: Mutes, now: datetime) -> datetime:
    """When a channel's message is due; nobody is told of anything new of a model while it is muted.

    A mute may end, or be lifted, in quiet hours: these are then waited for as well.
    """
    queue = incident.queues[channel]
    if not queue.is_new:
        return queue.due_at
    then = max(queue.due_at, now, mutes.until(incident.model_id, now) or now)
    return rules.quiet_over_at(incident.model_id, incident.kind, channel, incident.opened_at, then)


def _messages(
    rules: Rules, incidents: Mapping[int, Mapping[str, Incident]], now: datetime, mutes: Mutes
) -> list[tuple[str, list[Due]]]:
    found: dict[tuple[object, ...], tuple[str, list[Due]]] = {}
    for partition, mine in incidents.items():
        for key, incident in mine.items():
            for channel, queue in incident.queues.items():
                if queue.pending and not queue.sending and due_at(incident, channel, rules, mutes, now) <= now:
                    apart = ("digest", queue.batch) if queue.digest else (partition, key)
                    due = Due(Place(partition, key), incident, queue)
                    found.setdefault((channel, *apart), (channel, []))[1].append(due)
    return sorted(found.values(), key=lambda one: _urgency(one[1]))


def _urgency(due: list[Due]) -> tuple[int, int, datetime]:
    return min((_URGENCY[SEVERITY[one.incident.kind]], one.queue.unknown, one.queue.due_at) for one in due)
