"""Consumer groups in memory: partitions move between members as they come and go."""

from collections.abc import Sequence
from typing import Protocol


class Member(Protocol):
    """A replica in a group, by the partition numbers it holds."""

    owned: set[int]


class MemoryGroup:
    """Spreads partition numbers over members; a number moves only when its owner has let go."""

    def __init__(self, partitions: int) -> None:
        self._numbers = range(partitions)
        self._members: list[Member] = []

    def join(self, member: Member) -> None:
        """A replica comes."""
        self._members.append(member)

    def leave(self, member: Member) -> None:
        """A replica goes, or was killed."""
        if member in self._members:
            self._members.remove(member)

    def to_revoke(self, member: Member) -> list[int]:
        """What a member must let go of."""
        return sorted(member.owned - self._target(member))

    def to_assign(self, member: Member) -> list[int]:
        """What a member may take: its share, as far as nobody else still holds it."""
        held = {number for other in self._members for number in other.owned}
        return sorted(self._target(member) - held)

    def _target(self, member: Member) -> set[int]:
        if member not in self._members:
            return set()
        place: int = self._members.index(member)
        return set(_share(self._numbers, place, len(self._members)))


def _share(numbers: Sequence[int], place: int, members: int) -> Sequence[int]:
    size, extra = divmod(len(numbers), members)
    start = place * size + min(place, extra)
    return numbers[start : start + size + (place < extra)]
