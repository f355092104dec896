"""The core of role `notify`: incidents from the log, each told once to whoever the rules name.

Why what is to be told is state first and sent later: the entry and the input's offset are one transaction, so
that nothing is lost; it is sent only once that is committed. A process that is killed between a delivery and the
commit that says so sends once more, under the same idempotency key.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from driftloop.contracts.message import derive_id
from driftloop.cores.decode_each import decode_each
from driftloop.cores.record_fields import value_bytes
from driftloop.processor import Effects, Record, StateChange
from operations_console.core.notify.incidents import LASTING, Ends, Opens, words_of
from operations_console.core.notify.outbox import GIVEN_UP_AFTER, Incident, Queue
from operations_console.core.notify.rules import Kind, Rules
from operations_console.core.notify.wording import Telling, telling

_POLL = timedelta(milliseconds=20)
"""How soon an ended delivery is committed: a kill before that sends it again."""
SILENT_AFTER = timedelta(days=1)
"""Nobody is told of what has been on the log for longer: a notifier that starts for the first time reads it all."""


class Deliverer(Protocol):
    """Delivers in the background."""

    def start(self, told: Telling) -> None:
        """Begin to deliver; one that is on its way already is left alone."""
        ...

    def results(self) -> list[tuple[Telling, bool]]:
        """What has ended since the last call, and whether it was delivered."""
        ...


class Notifier:
    """Satisfies `driftloop.processor.Processor`."""

    def __init__(self, rules: Rules, deliverer: Deliverer) -> None:
        self._rules, self._deliverer = rules, deliverer
        self._incidents: dict[int, dict[str, Incident]] = {}

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        touched: set[tuple[int, str]] = set()
        written = [record for record in records if record.value() is not None]
        decoded = decode_each(written, lambda record: words_of(record.topic(), value_bytes(record)))
        for record, words in decoded.messages:
            for word in words:
                touched |= self._take(record, word, now)
        return Effects(state_changes=self._changes(touched), dead_letters=decoded.dead, wake_at=self._wish(now))

    def wake(self, now: datetime) -> Effects:
        touched: set[tuple[int, str]] = set()
        for told, delivered in self._deliverer.results():
            touched |= self._took(told, delivered=delivered, now=now)
        for incidents in self._incidents.values():
            for incident in incidents.values():
                self._start(incident, now)
        return Effects(state_changes=self._changes(touched), wake_at=self._wish(now))

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self._incidents[partition] = {key: Incident.model_validate_json(value) for key, value in state}

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        self._incidents.pop(partition, None)

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """There are no tables."""

    @property
    def standing(self) -> list[Incident]:
        """Incidents that are not over, or of which somebody has still to be told."""
        return [one for incidents in list(self._incidents.values()) for one in list(incidents.values())]

    # -- words of the log -----------------------------------------------------------------------

    def _take(self, record: Record, word: Opens | Ends, now: datetime) -> set[tuple[int, str]]:
        partition = record.partition()
        mine = self._incidents.setdefault(partition, {})
        if isinstance(word, Ends):
            return {(partition, key) for kind in word.kinds for key in self._end(mine, word, kind, now)}
        known = _standing(mine, word, word.kind) if word.kind in LASTING else None
        if known is not None:
            frame = max(known.frame or 0, word.frame or 0) if word.frame is not None else known.frame
            mine[known.key] = known.model_copy(update={"repeats": known.repeats + 1, "frame": frame})
            return {(partition, known.key)}
        written = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        routes = self._rules.route(word.model_id, word.kind, now) if now - written < SILENT_AFTER else {}
        incident = Incident(
            incident_id=derive_id("incident", word.model_id, word.kind, word.cause),
            model_id=word.model_id, kind=word.kind, since=word.since, opened_at=written, what=word.what,
            segment=word.segment, frame=word.frame,
            over=None if word.kind in LASTING else "told once",
            queues={name: Queue(due_at=one.at, unless_over=one.unless_over) for name, one in routes.items()},
        )  # fmt: skip
        mine[incident.key] = incident
        return {(partition, incident.key)}

    def _end(self, mine: dict[str, Incident], word: Ends, kind: Kind, now: datetime) -> list[str]:
        known = _standing(mine, word, kind)
        if known is None or (word.frame is not None and known.frame is not None and word.frame <= known.frame):
            return []
        queues = {
            name: queue.model_copy(update={"pending": (*queue.pending, "over"), "due_at": max(queue.due_at, now)})
            for name, queue in known.queues.items()
            if not (queue.unless_over and queue.pending == ("open",) and queue.attempts == 0 and queue.due_at > now)
        }
        mine[known.key] = known.model_copy(update={"over": word.why, "queues": queues})
        return [known.key]

    # -- deliveries -----------------------------------------------------------------------------

    def _start(self, incident: Incident, now: datetime) -> None:
        for name, queue in incident.queues.items():
            if queue.pending and queue.due_at <= now and name in self._rules.channels:
                self._deliverer.start(telling(incident, name, queue.pending[0], self._rules.console))

    def _took(self, told: Telling, *, delivered: bool, now: datetime) -> set[tuple[int, str]]:
        for partition, mine in self._incidents.items():
            incident = mine.get(told.incident_key)
            queue = incident.queues.get(told.channel) if incident else None
            if incident is None or queue is None or queue.pending[:1] != (told.what,):
                continue
            given_up = not delivered and now - incident.opened_at > GIVEN_UP_AFTER
            after = queue.told(now) if delivered or given_up else queue.failed(now)
            mine[incident.key] = incident.model_copy(update={"queues": {**incident.queues, told.channel: after}})
            return {(partition, incident.key)}
        return set()

    def _changes(self, touched: set[tuple[int, str]]) -> tuple[StateChange, ...]:
        changes = []
        for partition, key in sorted(touched):
            incident = self._incidents[partition][key]
            if incident.is_done:
                del self._incidents[partition][key]
            value = None if incident.is_done else incident.model_dump_json().encode()
            changes.append(StateChange(partition, key, value))
        return tuple(changes)

    def _wish(self, now: datetime) -> datetime | None:
        """When to be woken: soon while something is due, else when the next is."""
        due = [
            queue.due_at
            for incident in self.standing
            for name, queue in incident.queues.items()
            if queue.pending and name in self._rules.channels
        ]
        return max(min(due), now + _POLL) if due else None


def _standing(mine: dict[str, Incident], word: Opens | Ends, kind: Kind) -> Incident | None:
    prefix = f"{word.model_id}/{kind}/"
    found = (one for key, one in mine.items() if key.startswith(prefix) and one.segment == word.segment)
    return next((one for one in found if one.over is None), None)
