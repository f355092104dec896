"""Which versions of a model are scored, as `model-events` tell it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from driftloop.contracts.message import FramePosition, Version
from driftloop.contracts.model_events import ModelEvent
from driftloop.cores.version_order import age_order

_NEVER = 2**63
ARCHIVED_KEPT = 3
"""Archived versions that are scored where the policy may reuse them: the newest."""


class Scored(BaseModel):
    """A version to score, from a frame on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Version
    artifact: str
    """Empty where others run the version: what it predicts stands in the frames."""
    sha256: str | None = None
    from_position: FramePosition | None = None

    def counts_at(self, position: FramePosition) -> bool:
        """Whether a frame at `position` is scored for it: those after where its comparison was begun."""
        start = self.from_position
        return start is None or position.partition != start.partition or position.offset > start.offset


class ScoredVersions(BaseModel):
    """The champion, and the versions that are held against it: challengers, and the predecessor on probation.

    `archived` are the newest of those that served or challenged before; they are scored only where
    the policy goes by what is attainable.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str
    champion: Scored | None = None
    beside: tuple[Scored, ...] = Field(default=())
    archived: tuple[Scored, ...] = Field(default=())

    def at(self, position: FramePosition, *, always: bool = False) -> tuple[Scored, ...]:
        """The champion and then the others that are scored at a frame; empty where there is nothing to compare.

        `always`: the champion is scored alone too, and archived versions beside it.
        """
        others = tuple(scored for scored in self.beside if scored.counts_at(position))
        if always:
            others = (*others, *self.archived)
        return (self.champion, *others) if self.champion is not None and (others or always) else ()

    def brings(self, before: "ScoredVersions", *, always: bool = False) -> bool:
        """Whether something is compared here that was not compared before."""
        if always and self.champion != before.champion:
            return True
        ours, theirs = self._compared(), before._compared()
        return any(start < theirs.get(version, _NEVER) for version, start in ours.items())

    def _compared(self) -> dict[str, int]:
        """By version, the offset after which it is compared."""
        if self.champion is None or not self.beside:
            return {}
        starts = {s.version: -1 if s.from_position is None else s.from_position.offset for s in self.beside}
        return {self.champion.version: min(starts.values()), **starts}

    def after(self, event: ModelEvent) -> Self:
        """What is scored once `event` is true."""
        match event.event:
            case "challenged":
                return self._with(event)
            case "promoted" | "rolled_back":
                return self._serving(event)
            case "archived":
                return self._without(event.version)._with_archived(event)
            case "rejected" | "deprecated":
                return self._without(event.version)
        return self

    def _with(self, event: ModelEvent) -> Self:
        found = _scored(event)
        if found is None or (self.champion is not None and self.champion.version == found.version):
            return self
        others = tuple(scored for scored in self.beside if scored.version != found.version)
        return self.model_copy(update={"beside": (*others, found)})

    def _serving(self, event: ModelEvent) -> Self:
        """A new champion. The one it takes over from stays under comparison until it is archived."""
        known = next((s for s in self.beside if s.version == event.version and not event.artifact), None)
        new = known or _scored(event)
        if new is None:
            return self
        new = new.model_copy(update={"from_position": None})
        others = [scored for scored in self.beside if scored.version != new.version]
        old = self.champion
        if event.event == "promoted" and old is not None and old.version != new.version:
            others.append(old.model_copy(update={"from_position": event.from_position}))
        archived = tuple(scored for scored in self.archived if scored.version != new.version)
        return self.model_copy(update={"champion": new, "beside": tuple(others), "archived": archived})

    def _without(self, version: str | None) -> Self:
        kept = {name: tuple(s for s in getattr(self, name) if s.version != version) for name in ("beside", "archived")}
        return self.model_copy(update=kept)

    def _with_archived(self, event: ModelEvent) -> Self:
        found = _scored(event)
        if found is None or not found.artifact or (self.champion and self.champion.version == found.version):
            return self
        known = (*self.archived, found.model_copy(update={"from_position": None}))
        by_age = sorted(known, key=lambda scored: age_order(scored.version))
        return self.model_copy(update={"archived": tuple(by_age[-ARCHIVED_KEPT:])})


def _scored(event: ModelEvent) -> Scored | None:
    if event.version is None:
        return None
    return Scored(
        version=event.version,
        artifact=event.artifact or "",
        sha256=event.artifact_sha256,
        from_position=event.from_position,
    )
