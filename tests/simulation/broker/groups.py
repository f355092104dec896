"""A consumer group at its coordinator, in both protocols.

*consumer* (KIP-848): each member is moved towards its share by itself; a partition is given only after its owner has
let go. *classic*: whoever comes or goes makes everybody give all back and join again; who does not join is put out.
"""

from dataclasses import dataclass, field
from random import Random

Position = tuple[str, int]


@dataclass(slots=True, eq=False)
class Member:
    """`owned` is what the coordinator takes for this member's; `epoch` is the generation in the classic protocol."""

    name: str
    topics: tuple[str, ...]
    classic: bool
    epoch: int = 0
    seen_at: float = 0.0
    owned: set[Position] = field(default_factory=set)
    joined: bool = True
    given: bool = False


@dataclass(slots=True)
class Group:
    """Members by name, committed offsets with their notes and epochs, and those of open transactions by producer."""

    members: dict[str, Member] = field(default_factory=dict)
    offsets: dict[Position, tuple[int, str, int]] = field(default_factory=dict)
    pending: dict[int, dict[Position, tuple[int, str, int]]] = field(default_factory=dict)
    epoch: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    moving_since: float | None = None
    _of_epoch: int = -1
    _targets: dict[str, set[Position]] = field(default_factory=dict)

    def unstable(self, positions: set[Position]) -> bool:
        """Whether an open transaction holds an offset of one of these."""
        return any(not positions.isdisjoint(held) for held in self.pending.values())

    def join(self, member: Member, counts: dict[str, int], now: float) -> None:
        """A member comes, or comes again with nothing."""
        self.counts = counts
        member.seen_at, member.owned, member.joined = now, set(), True
        self.members[member.name] = member
        self._changed(now)

    def leave(self, name: str, now: float) -> None:
        """A member goes, or is put out."""
        if self.members.pop(name, None) is not None:
            self._changed(now)

    def expire(self, now: float, session_s: float, rebalance_s: float) -> None:
        """Put out who was not heard of, or (classic) did not join in time."""
        for name in [m.name for m in self.members.values() if now - m.seen_at > session_s]:
            self.leave(name, now)
        if self.moving_since is not None and now - self.moving_since > rebalance_s:
            for name in [m.name for m in self.members.values() if not m.joined]:
                self.leave(name, now)
        self._settle()

    def rejoin(self, name: str) -> None:
        """Classic: a member has given everything back and asks for its share."""
        self.members[name].joined = True
        self._settle()

    def _changed(self, now: float) -> None:
        self.epoch += 1
        if any(m.classic for m in self.members.values()):
            self.moving_since = now
            for member in self.members.values():
                member.joined, member.given = member.joined and not member.owned, False
        self._settle()

    def _settle(self) -> None:
        """Classic: once all have joined, give each its share."""
        if self.moving_since is None or not all(m.joined for m in self.members.values()):
            return
        self.moving_since = None
        self.epoch += 1
        for member in self.members.values():
            member.owned, member.epoch, member.given = self.target(member.name), self.epoch, True

    def target(self, name: str) -> set[Position]:
        """A member's share, topic by topic: a range, so that inputs come side by side."""
        if self._of_epoch != self.epoch:
            self._of_epoch, self._targets = self.epoch, {}
        if name not in self._targets:
            self._targets[name] = self._share(name)
        return set(self._targets[name])

    def _share(self, name: str) -> set[Position]:
        names = list(self.members)
        mine = self.members[name]
        share: set[Position] = set()
        for topic in mine.topics:
            size, extra = divmod(self.counts[topic], len(names))
            place = names.index(name)
            first = place * size + min(place, extra)
            share |= {(topic, number) for number in range(first, first + size + (place < extra))}
        return share

    def reconcile(self, name: str, owned: set[Position], random: Random, all_at_once: bool) -> tuple[set, set]:
        """KIP-848: what a member must let go, and what it gets, given what it says that it owns."""
        member = self.members[name]
        member.owned = set(owned)
        share = self.target(name)
        if share == owned:
            member.epoch = self.epoch
            return set(), set()
        if gone := owned - share:
            return gone, set()
        held = {position for other in self.members.values() if other is not member for position in other.owned}
        free = sorted(share - owned - held)
        if free and not all_at_once:
            free = random.sample(free, random.randint(1, len(free)))
        member.owned |= set(free)
        member.epoch = self.epoch
        return set(), set(free)
