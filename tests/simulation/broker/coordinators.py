"""The two coordinators of a broker: of transactions, and of consumer groups' offsets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.broker.groups import Group
from tests.simulation.broker.partition_log import Entry, PartitionLog

Position = tuple[str, int]
Offsets = dict[Position, tuple[int, str, int]]

CONCURRENT, FENCED, UNKNOWN_MEMBER, STALE_MEMBER, BAD_STATE = "concurrent", "fenced", "unknown", "stale", "bad state"


class RefusedError(Exception):
    """A broker's refusal of a request; `args[0]` says which."""


@dataclass(slots=True)
class Slot:
    """One transactional id. `todo`: where the markers of an ending transaction are still to be written."""

    owner: int
    epoch: int = -1
    status: str = "empty"
    result: str = ""
    opened_at: float = 0.0
    timeout_s: float = 60.0
    touched: set[Position] = field(default_factory=set)
    wrote: bool = False
    """Whether it holds anything that a reader takes in: a record with neither key nor value only ends what is open."""
    groups: set[str] = field(default_factory=set)
    todo: list[Position | str] = field(default_factory=list)


class Cluster:
    """Topics, transactions and groups. Every method is one request that arrived; time is handed in."""

    def __init__(self, random: Random, partitions: int) -> None:
        self.id, self.random, self.partitions = "simulated", random, partitions
        self.topics: dict[str, list[PartitionLog]] = {}
        self.topic_ids: dict[str, str] = {}
        self.compacted: set[str] = set()
        self.slots: dict[str, Slot] = {}
        self.groups: dict[str, Group] = {}
        self.unfenced = 0
        """Transactions that were committed with records and without offsets: no group was asked about their writer."""
        self.owed = 0
        """Markers to come of transactions that are decided."""
        self.leaves_out: Callable[[Position | str], bool] | None = None
        """Whether the marker for a place is left out: the transaction is over, and stays open there."""

    # -- topics -------------------------------------------------------------------------------------

    def create(self, topic: str, partitions: int | None = None) -> None:
        """Make a topic; one that is there is made anew."""
        self.topics[topic] = [PartitionLog() for _ in range(partitions or self.partitions)]
        self.topic_ids[topic] = f"{topic}-{self.random.getrandbits(32):08x}"
        if topic.endswith("-changelog"):
            self.compacted.add(topic)

    def log(self, position: Position) -> PartitionLog:
        """One partition."""
        return self.topics[position[0]][position[1]]

    def group(self, name: str) -> Group:
        """The group of that name."""
        if name not in self.groups:
            self.groups[name] = Group()
        return self.groups[name]

    # -- transactions --------------------------------------------------------------------------------

    def init_producer(self, name: str, timeout_s: float) -> tuple[int, int]:
        """Take a transactional id over: what its earlier owner has open is aborted first."""
        slot = self.slots.get(name)
        if slot is None:
            slot = self.slots[name] = Slot(1000 + len(self.slots))
        if slot.status == "open":
            slot.epoch += 1
            self._end(slot, commit=False)
        if slot.status != "empty":
            raise RefusedError(CONCURRENT)
        slot.epoch, slot.timeout_s, slot.result = slot.epoch + 1, timeout_s, ""
        return slot.owner, slot.epoch

    def produce(self, name: str, epoch: int, position: Position, entry: Entry, now: float) -> int:
        """A record of a transaction."""
        slot = self._opened(name, epoch, now)
        slot.touched.add(position)
        slot.wrote |= bool(entry.key) or entry.value is not None
        entry.owner = slot.owner
        return self.log(position).append(entry)

    def add_offsets(
        self, name: str, epoch: int, group: str, member: tuple[str, int] | None, offsets: Offsets, now: float
    ) -> None:
        """A group's offsets in a transaction; a member that the group does not know in this form is refused."""
        slot = self._opened(name, epoch, now)
        found = self.group(group)
        if member is not None and member[0]:
            known = found.members.get(member[0])
            if known is None:
                raise RefusedError(UNKNOWN_MEMBER)
            if known.epoch != member[1]:
                raise RefusedError(STALE_MEMBER)
        slot.groups.add(group)
        found.pending.setdefault(slot.owner, {}).update(offsets)

    def end(self, name: str, epoch: int, commit: bool) -> None:
        """Decide a transaction; its markers are written afterwards, one partition after the other."""
        slot = self._known(name, epoch)
        wanted = "committing" if commit else "aborting"
        if slot.status == "open":
            self.unfenced += commit and slot.wrote and not slot.groups
            self._end(slot, commit)
        elif slot.status == "empty":
            if slot.result not in ("", wanted):
                raise RefusedError(BAD_STATE)
        elif slot.status != wanted:
            raise RefusedError(BAD_STATE)

    def _end(self, slot: Slot, commit: bool) -> None:
        slot.status = slot.result = "committing" if commit else "aborting"
        slot.todo = [*sorted(slot.touched), *sorted(slot.groups)]
        self.random.shuffle(slot.todo)
        self.owed += len(slot.todo)
        if not slot.todo:
            slot.status = "empty"

    def _known(self, name: str, epoch: int) -> Slot:
        slot = self.slots.get(name)
        if slot is None or slot.epoch != epoch:
            raise RefusedError(FENCED)
        return slot

    def _opened(self, name: str, epoch: int, now: float) -> Slot:
        slot = self._known(name, epoch)
        if slot.status == "empty":
            slot.status, slot.opened_at, slot.result = "open", now, ""
            slot.touched, slot.groups, slot.wrote = set(), set(), False
        elif slot.status != "open":
            raise RefusedError(CONCURRENT)
        return slot

    # -- what a broker does by itself ---------------------------------------------------------------------

    def write_marker(self, now: float) -> None:
        """Write one marker of a transaction that is decided."""
        slot = self.random.choice([slot for slot in self.slots.values() if slot.todo])
        place, commit = slot.todo.pop(), slot.status == "committing"
        self.owed -= 1
        if self.leaves_out is not None and self.leaves_out(place):
            pass
        elif isinstance(place, str):
            group = self.group(place)
            offsets = group.pending.pop(slot.owner, {})
            if commit:
                group.offsets.update(offsets)
        else:
            self.log(place).mark(slot.owner, commit, int(now * 1000))
        if not slot.todo:
            slot.status = "empty"

    def expire_transactions(self, now: float) -> None:
        """Take back what has been open for too long; its owner is fenced."""
        for slot in self.slots.values():
            if slot.status == "open" and now - slot.opened_at > slot.timeout_s:
                slot.epoch += 1
                self._end(slot, commit=False)

    @property
    def undecided(self) -> bool:
        """Whether a transaction is open or ending."""
        return any(slot.status != "empty" for slot in self.slots.values())
