"""The core of role `notify`: incidents from the log, each told once to whoever the rules name.

Why what is to be told is state first and sent later: the entry and the input's offset are one transaction, so
that nothing is lost; it is sent only once that is committed (see `sending`). At the begin of each step all that the
step before wanted is committed, or `restore` was called in between.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from driftloop.contracts.message import derive_id
from driftloop.processor import DeadLetter, Effects, KeptOut, Record, StateChange
from operations_console.core.notify.incidents import LASTING, Ends, LastEnds, Opens, Word, words_of
from operations_console.core.notify.mutes import Mutes
from operations_console.core.notify.outbox import Incident, Queue
from operations_console.core.notify.rules import Kind, Rules
from operations_console.core.notify.sending import (
    Deliverer,
    Due,
    End,
    Message,
    Place,
    due_at,
    hopeless,
    message_of,
    messages_due,
)

_POLL = timedelta(milliseconds=20)
"""How soon an ended delivery is committed."""
_LOOK = timedelta(seconds=30)
"""How soon it is seen at the latest that a mute was lifted."""
SILENT_AFTER = timedelta(days=1)
"""Nobody is told of what has been on the log for longer: a notifier that starts for the first time reads it all."""


class Notifier:
    """Satisfies `driftloop.processor.Processor`."""

    def __init__(self, rules: Rules, deliverer: Deliverer) -> None:
        self._rules, self._deliverer = rules, deliverer
        self.mutes = Mutes()
        self._incidents: dict[int, dict[str, Incident]] = {}
        self._last_ends = LastEnds()
        self._marked: list[Message] = []
        self._on_their_way: dict[tuple[str, str], Message] = {}
        self._ended: list[tuple[Message, End]] = []

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        touched, refused = self._send(now), []
        for record in records:
            value = record.value()
            if value is None:
                continue
            try:
                words = words_of(record.topic(), value)
            except ValueError as error:
                refused.append(DeadLetter(record, "decode", type(error).__name__, str(error)))
                continue
            for word in words:
                touched |= self._take(record, word, now)
        return self._effects(touched | self._mark(now), now, tuple(refused))

    def wake(self, now: datetime) -> Effects:
        return self._effects(self._send(now) | self._mark(now), now)

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """What was being sent by a process that is gone may have arrived; what this process sends will end."""
        known = [*self._marked, *self._on_their_way.values(), *(message for message, _ in self._ended)]
        ours = {(one.told.channel, place, sends) for one in known for place, sends in one.sends.items()}
        self._incidents[partition] = {
            key: _seen(Incident.model_validate_json(value), Place(partition, key), ours) for key, value in state
        }

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        self._incidents.pop(partition, None)

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut]:  # noqa: ARG002  (there is one)
        return self.mutes.take(records)

    @property
    def standing(self) -> list[Incident]:
        """Incidents that are not over, or of which somebody has still to be told."""
        return [one for incidents in list(self._incidents.values()) for one in list(incidents.values())]

    # -- words of the log -----------------------------------------------------------------------

    def _take(self, record: Record, word: Word, now: datetime) -> set[Place]:
        partition = record.partition()
        mine = self._incidents.setdefault(partition, {})
        if isinstance(word, Ends):
            self._last_ends.take(word)
            return {Place(partition, key) for kind in word.kinds for key in self._end(mine, word, kind, now)}
        touched = {Place(partition, self._open(mine, record, word, now))}
        if (earlier := self._last_ends.after(word)) is not None:
            self._end(mine, earlier, word.kind, now)
        return touched

    def _open(self, mine: dict[str, Incident], record: Record, word: Opens, now: datetime) -> str:
        """The key of its incident, which is made where none stands."""
        known = _standing(mine, word, word.kind) if word.kind in LASTING else None
        if known is not None:
            frame = max(known.frame or 0, word.frame or 0) if word.frame is not None else known.frame
            mine[known.key] = known.model_copy(update={"repeats": known.repeats + 1, "frame": frame})
            return known.key
        written = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        passes = word.kind not in LASTING and self.mutes.until(word.model_id, now) is not None
        old = now - written >= SILENT_AFTER
        routes = {} if old or passes else self._rules.route(word.model_id, word.kind, now)
        incident = Incident(
            incident_id=derive_id("incident", word.model_id, word.kind, word.cause),
            model_id=word.model_id, kind=word.kind, since=word.since, opened_at=written, what=word.what,
            segment=word.segment, frame=word.frame,
            over=None if word.kind in LASTING else "told once",
            queues={
                name: Queue(due_at=one.at, unless_over=one.unless_over, digest=one.digest)
                for name, one in routes.items()
            },
        )  # fmt: skip
        mine[incident.key] = incident
        return incident.key

    def _end(self, mine: dict[str, Incident], word: Ends, kind: Kind, now: datetime) -> list[str]:
        known = _standing(mine, word, kind)
        if known is None or (word.frame is not None and known.frame is not None and word.frame <= known.frame):
            return []
        muted = self.mutes.until(word.model_id, now) is not None
        queues = {
            name: queue.then_over(self._rules.over_at(word.model_id, kind, name, now))
            for name, queue in known.queues.items()
            if not (
                queue.is_new
                and due_at(known, name, self._rules, self.mutes, now) > now
                and (queue.unless_over or muted)
            )
        }
        mine[known.key] = known.model_copy(update={"over": word.why, "queues": queues})
        return [known.key]

    # -- deliveries -----------------------------------------------------------------------------

    def _send(self, now: datetime) -> set[Place]:
        """Send what is marked, and take in what has ended."""
        for message in filter(self._stands, self._marked):
            self._on_their_way[message.name] = message
            self._deliverer.start(message.told)
        self._marked = []
        self._ended = [(message, end) for message, end in self._ended if self._stands(message)]
        for told, end in self._deliverer.results():
            ours = self._on_their_way.pop((told.channel, told.idempotency_key), None)
            if ours is not None:
                self._ended.append((ours, end))
        touched: set[Place] = set()
        for message, end in self._ended:
            touched |= self._took(message, end, now)
        return touched

    def _stands(self, message: Message) -> bool:
        """Whether its mark does, anywhere here.

        Of a message to be sent: it was committed. Of one that has ended: its end was not, however often that was tried.
        """
        return any(self._marked_at(place, message.told.channel, sends) for place, sends in message.sends.items())

    def _marked_at(self, place: Place, channel: str, sends: int) -> Queue | None:
        """A channel's queue while it says that this very message is being sent."""
        incident = self._incidents.get(place.partition, {}).get(place.key)
        queue = incident.queues.get(channel) if incident else None
        return queue if queue is not None and queue.sending and queue.sends == sends else None

    def _took(self, message: Message, end: End, now: datetime) -> set[Place]:
        touched = set()
        for place, sends in message.sends.items():
            queue = self._marked_at(place, message.told.channel, sends)
            if queue is None:
                continue
            after = queue.told(now) if end == "delivered" else queue.failed(now, unknown=end == "unknown")
            self._put(place, message.told.channel, after)
            touched.add(place)
        return touched

    def _mark(self, now: datetime) -> set[Place]:
        """Mark what is due: it is sent in the next step, once the marks are committed."""
        touched: set[Place] = set()
        on_their_way = Counter(channel for channel, _ in self._on_their_way)
        for channel, due in messages_due(self._rules, self._incidents, now, on_their_way, self.mutes):
            message, begun = message_of(channel, due, self._rules)
            touched |= set(begun)
            if why := hopeless(self._rules.channels[channel], due):
                self._deliverer.passed_over(message.told, why)
                begun = {place: queue.told(now) for place, queue in begun.items()}
                self._unsure_of(channel, due)
            else:
                self._marked.append(message)
            for place, queue in begun.items():
                self._put(place, channel, queue)
        return touched

    def _unsure_of(self, channel: str, due: list[Due]) -> None:
        for place, _, queue in due:
            if queue.pending[0] == "open":
                mine = self._incidents[place.partition]
                incident = mine[place.key]  # as it is now: another channel may have been marked in this very step
                mine[place.key] = incident.model_copy(update={"unsure": (*incident.unsure, channel)})

    def _put(self, place: Place, channel: str, queue: Queue) -> None:
        mine = self._incidents[place.partition]
        incident = mine[place.key]
        mine[place.key] = incident.model_copy(update={"queues": {**incident.queues, channel: queue}})

    def _effects(self, touched: set[Place], now: datetime, refused: tuple[DeadLetter, ...] = ()) -> Effects:
        changes = []
        for partition, key in sorted(touched):
            incident = self._incidents[partition][key]
            if incident.is_done:
                del self._incidents[partition][key]
            value = None if incident.is_done else incident.model_dump_json().encode()
            changes.append(StateChange(partition, key, value))
        return Effects(state_changes=tuple(changes), dead_letters=refused, wake_at=self._wish(now))

    def _wish(self, now: datetime) -> datetime | None:
        """When to be woken: at once if something is marked, soon if something is on its way, else when it is due."""
        if self._marked:
            return now
        due = [
            min(due_at(incident, name, self._rules, self.mutes, now), max(queue.due_at, now + _LOOK))
            for incident in self.standing
            for name, queue in incident.queues.items()
            if queue.pending and not queue.sending and name in self._rules.channels
        ]
        if self._on_their_way:
            return now + _POLL
        return max(min(due), now + _POLL) if due else None


def _seen(incident: Incident, place: Place, ours: set[tuple[str, Place, int]]) -> Incident:
    queues = {
        name: queue.lost_sight_of() if queue.sending and (name, place, queue.sends) not in ours else queue
        for name, queue in incident.queues.items()
    }
    return incident.model_copy(update={"queues": queues})


def _standing(mine: dict[str, Incident], word: Opens | Ends, kind: Kind) -> Incident | None:
    prefix = f"{word.model_id}/{kind}/"
    found = (one for key, one in mine.items() if key.startswith(prefix) and one.segment == word.segment)
    return next((one for one in found if one.over is None), None)
