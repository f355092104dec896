"""The loop with one fault built in: what the simulator must find. Each is a patch of one or two methods, by name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition
from tests.simulation.current import CURRENT
from tests.simulation.plan import Plan, plan_of

from drift_detection.core.processor import DriftDetection
from driftloop.contracts.topics import DEAD_LETTERS
from driftloop.errors import AwayError
from driftloop.kafka.admin import left_behind
from driftloop.kafka.loop import assignment, identity, loop, polling, restore, tasks, transactions
from driftloop.kafka.loop.assignment import Assignment
from driftloop.kafka.loop.attempts import Attempts
from driftloop.kafka.loop.epochs import Epochs
from driftloop.kafka.loop.group_offsets import GroupOffsets
from driftloop.kafka.loop.kafka_transport import KafkaTransport
from driftloop.kafka.loop.left_open import LeftOpen
from driftloop.kafka.loop.membership import Membership
from driftloop.kafka.loop.pending_offsets import PendingOffsets
from driftloop.kafka.loop.poison_isolation import PoisonIsolation
from driftloop.kafka.loop.tasks import Accepted, Tasks
from driftloop.kafka.loop.topic_watch import TopicWatch
from driftloop.kafka.loop.transactions import Transactions
from driftloop.kafka.loop.transport import AbortedError, Polled
from driftloop.kafka.loop.writer import Writer
from driftloop.kafka.settings import is_changelog
from driftloop.processor import Effects
from retrain_coordinator.core import merge
from trainer_worker.core.score.processor import ChallengeScoring

Patch = tuple[Any, str, Any]


class Mutant(NamedTuple):
    """`says`: what is wrong in it; `case`: where it is looked for. `having`, `without`: what its runs have.

    `no_effect`: why nothing can find it, because another rule keeps what it breaks.
    """

    says: str
    patches: Callable[[], list[Patch]]
    case: str = "counter"
    having: Mapping[str, Any] = {}
    without: tuple[str, ...] = ()
    no_effect: str = ""

    def plan(self, seed: int) -> Plan:
        """The plan of a seed for this mutant."""
        plan = replace(plan_of(seed), **self.having)
        for fault in self.without:
            plan = plan.without(fault)
        return plan


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """While the block runs, the loop has this fault."""
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in mutant.patches()]
    for owner, name, new in mutant.patches():
        setattr(owner, name, new)
    try:
        yield
    finally:
        for owner, name, old in before:
            setattr(owner, name, old)


# -- what one transaction holds ----------------------------------------------------------------------

_commit = KafkaTransport.commit


def _in_parts(first: Callable[[Any], bool], offsets_first: bool) -> list[Patch]:
    """Two transactions in place of one."""

    def commit(self: Any, writes: Any, offsets: Any) -> None:
        one, two = [w for w in writes if first(w)], [w for w in writes if not first(w)]
        if one or (offsets_first and offsets):
            _commit(self, one, offsets if offsets_first else {})
        if two or (not offsets_first and offsets):
            _commit(self, two, {} if offsets_first else offsets)

    return [(KafkaTransport, "commit", commit)]


def _offsets_early() -> list[Patch]:
    return _in_parts(lambda _: False, offsets_first=True)


def _outputs_early() -> list[Patch]:
    return _in_parts(lambda _: True, offsets_first=False)


def _state_after() -> list[Patch]:
    return _in_parts(lambda write: not is_changelog(write.topic), offsets_first=True)


def _letter_outside() -> list[Patch]:
    return _in_parts(lambda write: write.topic == DEAD_LETTERS, offsets_first=False)


def _generation_ignored() -> list[Patch]:
    def close(self: Any, offsets: Any, consumer: Any) -> None:
        class Nobody:
            def consumer_group_metadata(self) -> Any:
                return consumer.consumer_group_metadata()[0], "", -1

        original(self, offsets, Nobody())

    original = Writer.close
    return [(Writer, "close", close)]


def _timeout_is_success() -> list[Patch]:
    def commit(self: Any, writes: Any, offsets: Any, consumer: Any) -> None:
        try:
            self.begin(writes)
            self.close(offsets, consumer)
        except KafkaException as error:
            if error.args[0].retriable():
                self.open()
            else:
                self._give_up(error, 0.0)

    return [(Writer, "commit", commit)]


def _timeout_keeps_producer() -> list[Patch]:
    def give_up(self: Any, error: Any, open_s: float) -> None:
        with suppress(KafkaException):
            self.abort()
        raise AbortedError(str(error)) from error

    return [(Writer, "_give_up", give_up)]


# -- restoring ---------------------------------------------------------------------------------------------

_restore = assignment.restore


def _restored(offsets_by: int) -> list[Patch]:
    def restored(processor: Any, settings: Any, transport: Any, number: int) -> Any:
        offsets, snapshot = _restore(processor, settings, transport, number)
        return {topic: max(0, at + offsets_by) for topic, at in offsets.items()}, snapshot

    return [(assignment, "restore", restored)]


class _Reading:
    """A transport whose `read` is another."""

    def __init__(self, transport: Any, read: Callable[..., Any]) -> None:
        self._transport, self.read = transport, read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _reading(read_of: Callable[[Any, Any], Callable[..., Any]]) -> list[Patch]:
    def restored(processor: Any, settings: Any, transport: Any, number: int) -> Any:
        return _restore(processor, settings, _Reading(transport, read_of(transport, settings)), number)

    return [(assignment, "restore", restored)]


def _offsets_after_state() -> list[Patch]:
    def restored(processor: Any, settings: Any, transport: Any, number: int) -> Any:
        state = list(transport.read((settings.changelog, number), None, None))

        def read(position: Any, start: Any, stop: Any) -> Any:
            return iter(state) if position[0] == settings.changelog else transport.read(position, start, stop)

        return _restore(processor, settings, _Reading(transport, read), number)

    return [(assignment, "restore", restored), (restore, "judge", lambda facts: None)]


def _open_state_not_awaited() -> list[Patch]:
    def read_of(transport: Any, settings: Any) -> Any:
        def read(position: Any, start: Any, stop: Any) -> Any:
            end = CURRENT.world.cluster.log(position).stable if stop is None else stop
            return transport.read(position, start, end)

        return read

    return [*_reading(read_of), (restore, "judge", lambda facts: None)]


def _half_of_the_state() -> list[Patch]:
    def read_of(transport: Any, settings: Any) -> Any:
        def read(position: Any, start: Any, stop: Any) -> Any:
            records = list(transport.read(position, start, stop))
            return iter(records[: len(records) // 2] if position[0] == settings.changelog else records)

        return read

    return [*_reading(read_of), (restore, "judge", lambda facts: None)]


def _replay_shifted(by: int) -> list[Patch]:
    def read_of(transport: Any, settings: Any) -> Any:
        def read(position: Any, start: Any, stop: Any) -> Any:
            if position[0] == settings.changelog:
                return transport.read(position, start, stop)
            return transport.read(position, start, max(0, min(stop + by, CURRENT.world.cluster.log(position).stable)))

        return read

    return _reading(read_of)


def _unstable_offsets() -> list[Patch]:
    original = GroupOffsets._ask

    def ask(self: Any, positions: Any) -> Any:
        self._consumer._committed_only = False
        try:
            return original(self, positions)
        finally:
            self._consumer._committed_only = True

    return [(GroupOffsets, "_ask", ask), (restore, "judge", lambda facts: None)]


def _moved_is_mismatch() -> list[Patch]:
    def require(settings: Any, transport: Any, number: int, facts: Any) -> None:
        if (verdict := restore.judge(facts)) is not None:
            raise restore.UserError(
                identity.sentence(settings.service, settings.group, number, verdict), restore.ExitCode.STATE_MISMATCH
            )

    return [(restore, "_require", require)]


def _poison_without_snapshot() -> list[Patch]:
    def buried(self: Any, letter: Any, attempts: int) -> None:
        self._commit([transactions.bury(letter, self._settings.service, attempts)], [])
        for task in self._tasks.ready():
            task.since_snapshot = 0

    return [(Transactions, "buried", buried)]


def _snapshot_of_before() -> list[Patch]:
    original = transactions.snapshot_writes

    def writes(changelog: str, number: int, entries: Any, before: Any, offsets: Any) -> Any:
        return original(changelog, number, entries, before, {topic: max(0, at - 1) for topic, at in offsets.items()})

    return [(transactions, "snapshot_writes", writes)]


# -- positions, gaps, rebalances ---------------------------------------------------------------------------


def _repeats_taken() -> list[Patch]:
    def accept(self: Any, records: Any) -> Accepted:
        taken = []
        for record in records:
            task = self.get(record.partition())
            if task is not None:
                task.next[record.topic()], task.dirty = record.offset() + 1, True
                taken.append(record)
        return Accepted(taken, [])

    return [(Tasks, "accept", accept)]


def _not_rewound() -> list[Patch]:
    return [(Assignment, "start_over", lambda self: None)]


def _rewound_without_state() -> list[Patch]:
    def start_over(self: Any) -> None:
        for task in self._tasks.ready():
            stands = self._transport.stands([(topic, task.number) for topic in task.next])
            at = {place: one.start if one.committed is None else one.committed for place, one in stands.items()}
            task.next = {topic: offset for (topic, _), offset in at.items()}
            self._transport.begin_at(at)

    return [(Assignment, "start_over", start_over)]


def _gone_is_kept() -> list[Patch]:
    return [(Assignment, "on_lost", lambda self, positions: None)]


def _lost_is_written_down() -> list[Patch]:
    def isolate(self: Any, records: Any, error: Any) -> None:
        self._size.halve(len(records))
        if len(records) == 1:
            self._bury(records[0], error, 1)

    return [(PoisonIsolation, "isolate", isolate)]


def _parked_at_beginning() -> list[Patch]:
    original = Membership._on_assign

    def on_assign(self: Any, rebalance: Any, found: Any) -> None:
        consumer = self.consumer
        real = consumer.incremental_assign

        def parked(partitions: Any) -> None:
            real([TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in partitions])

        consumer.incremental_assign = parked
        try:
            original(self, rebalance, found)
        finally:
            del consumer.incremental_assign

    return [(Membership, "_on_assign", on_assign)]


def _committed_behind() -> list[Patch]:
    original = Tasks.uncommitted

    def uncommitted(self: Any) -> Any:
        return {position: max(0, offset - 1) for position, offset in original(self).items()}

    return [(Tasks, "uncommitted", uncommitted)]


def _never_behind_markers() -> list[Patch]:
    return [(Tasks, "reached", lambda self, ends: [])]


def _abort_counts_as_done() -> list[Patch]:
    def through(self: Any, transaction: Any, too_large: Any = None, records: int = 0) -> bool:
        try:
            transaction()
        except AbortedError:
            return True
        return True

    return [(Attempts, "through", through)]


def _end_believed() -> list[Patch]:
    original = Tasks.reached
    return [(Tasks, "reached", lambda self, ends: original(self, ends)[:0])]


def _by_the_status_alone() -> list[Patch]:
    return [(merge.Head, "is_complete", property(lambda self: True))]


def _table_not_awaited() -> list[Patch]:
    return [(DriftDetection, "_require", lambda self, frames: None)]


def _not_caught_up() -> list[Patch]:
    return [(ChallengeScoring, "_catch_up", lambda self, event, before, after: Effects())]


def _pending_is_away() -> list[Patch]:
    def settle(self: Any, asked: Any, away: AwayError) -> Any:
        raise away

    return [(PendingOffsets, "settle", settle), (Writer, "end_pending", lambda self, offsets, *_, **__: None)]


MUTANTS: dict[str, Mutant] = {
    "offsets committed early": Mutant("input offsets are committed before what they led to", _offsets_early),
    "outputs committed early": Mutant("outputs and state are committed before their offsets", _outputs_early),
    "state written after": Mutant("state is written in a transaction of its own, after the commit", _state_after),
    "dead letter outside": Mutant("a dead letter is not in the transaction of its offset", _letter_outside),
    "generation ignored": Mutant("a member that was put out of the group may still commit", _generation_ignored),
    "time-out is success": Mutant("a commit without an answer is taken for done", _timeout_is_success),
    "producer kept after a time-out": Mutant("a producer that knows nothing is used on", _timeout_keeps_producer),
    "abort counts as done": Mutant("an aborted transaction is taken for done", _abort_counts_as_done),
    "abort not rewound": Mutant("after an abort the loop reads on", _not_rewound),
    "rewound without state": Mutant("after an abort the state in memory is kept", _rewound_without_state),
    "batch not rewound": Mutant("a batch that made the core raise is not read again", _lost_is_written_down),
    "restored too far": Mutant("reading goes on one offset behind the commit", lambda: _restored(1)),
    "restored too short": Mutant("reading goes on one offset before the commit", lambda: _restored(-1)),
    "half of the state": Mutant("a changelog is read in part", _half_of_the_state),
    "offsets asked after the state": Mutant(
        "state and offsets are of different times",
        _offsets_after_state,
        no_effect="only a member may commit, so offsets move meanwhile only under a replica that was put out, "
        "and it drops all that it restored when the group tells it",
    ),
    "open state not awaited": Mutant("a changelog is read to its last stable offset", _open_state_not_awaited),
    "open offsets not awaited": Mutant("committed offsets are asked past open transactions", _unstable_offsets),
    "replay too far": Mutant("replay goes on behind the committed offset", lambda: _replay_shifted(1)),
    "replay too short": Mutant("replay ends before the committed offset", lambda: _replay_shifted(-1)),
    "snapshot of an earlier offset": Mutant("a snapshot names offsets before its own", _snapshot_of_before),
    "poison without a snapshot": Mutant(
        "a buried record comes again in a replay",
        _poison_without_snapshot,
        no_effect="a replay leaves out what makes the core raise; the snapshot spares it that",
    ),
    "repeats taken": Mutant("a record that was read is taken again", _repeats_taken),
    "partition kept": Mutant("a partition that went keeps its state and position", _gone_is_kept),
    "committed too short": Mutant("the committed offset is one too low", _committed_behind),
    "ends not committed": Mutant("markers at the end of a partition are never committed", _never_behind_markers),
    "wrong partition taken": Mutant(
        "a record outside its key's partition is counted",
        lambda: [(loop, "in_place", lambda records, *_: (records, ()))],
    ),
    "nothing compared": Mutant(
        "state, offsets and log are taken for one another's whatever they are",
        lambda: [(restore, "judge", lambda facts: None)],
        case="damaged",
    ),
    "topics not watched": Mutant(
        "topics that were made anew, or have other partitions, are read on",
        lambda: [(TopicWatch, "_check", lambda self, now: None)],
        case="damaged",
    ),
    "epochs forgotten": Mutant(
        "a leader that lacks what was read is not asked for it (mended 30 November)",
        lambda: [(Epochs, "_of", lambda self, position, offset: None)],
        case="damaged",
    ),
    "lost records not heard": Mutant(
        "the client says that records are gone, and nobody listens",
        lambda: [(polling, "GONE", frozenset())],
        case="damaged",
    ),
    "pending offsets not ended": Mutant(
        "what a transaction without an end holds back is waited for (mended 30 November)",
        _pending_is_away,
        case="leaderless",
    ),
    "asked while it leaves": Mutant(
        "a member that leaves asks for the offsets of partitions that come meanwhile (mended 1 December)",
        lambda: [(Membership, "leave", lambda self: self.consumer.close())],
    ),
    "left to others": Mutant(
        "what a replica left open in partitions that others have by now is left to them",
        lambda: [(LeftOpen, "look", lambda self, owned: None)],
        case="abandoned",
    ),
    "left behind": Mutant(
        "`driftloop recover` ends the group's offsets only, and no state that is held back",
        lambda: [(left_behind, "held_back", lambda kafka, ends: ())],
        case="abandoned",
    ),
    "moved is a mismatch": Mutant(
        "a replica that was put out while it restored stops for a person (mended 29 November)", _moved_is_mismatch
    ),
    "written without offsets": Mutant(
        "a snapshot or a wish is written without asking whether its writer is still a member (mended 29 November)",
        lambda: [(Tasks, "positions", lambda self: {})],
    ),
    "polled before a restore": Mutant(
        "what was polled before a rebalance is applied after it, and no second reader looks (mended 23 November)",
        lambda: [
            (Polled, "without", lambda self, partitions: self),
            (Assignment, "left_out", lambda self, gap: False),
        ],
        having={"linger_ms": 1_000, "replicas": 2, "events": 6, "batch": 10, "weights": {"scale": 2, "stop": 1}},
        without=("records left out", "end told early"),
        no_effect="since a partition waits paused for its restore, what was polled begins at the last commit: after "
        "the restore it is what comes next, or a repeat that is dropped by its offset",
    ),
    "gap taken for a marker": Mutant(
        "records that the client leaves out are not missed (mended 23 November)",
        lambda: [(tasks, "_MARKER", 1_000_000)],
    ),
    "end believed": Mutant("an end that is told too early is believed (mended 23 November)", _end_believed),
    "no second reader": Mutant(
        "a gap is not looked into (mended 23 November)", lambda: [(Assignment, "left_out", lambda self, gap: False)]
    ),
    "parked at the beginning": Mutant(
        "a partition stands at its beginning until restored (mended 23 November)", _parked_at_beginning
    ),
    "decided by the status alone": Mutant(
        "a frame is decided on before its scores and signals have come", _by_the_status_alone, case="pipeline"
    ),
    "table not awaited": Mutant(
        "a frame is judged before the profile of its version is read", _table_not_awaited, case="pipeline"
    ),
    "not caught up": Mutant(
        "frames that went by before a comparison began are not scored", _not_caught_up, case="pipeline"
    ),
}
