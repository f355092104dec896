"""Versions: which there are, what became of them, which one serves, and who was asked to let one serve."""

from collections.abc import Collection
from datetime import datetime

from pydantic import Field

from driftloop.contracts.message import FramePosition, Version
from driftloop.cores.version_order import age_order
from retrain_coordinator.core.state.entries import VERSIONS_KEPT, AskedToServe, Part, Status, VersionEntry
from retrain_coordinator.core.state.life import Event, next_status


class ServingPart(Part):
    """The champion and all other versions. What becomes of a version is told by `life.TRANSITIONS` alone."""

    champion: Version | None = None
    champion_since: datetime | None = None
    serving_since: int = -1
    """Offset of the frame after which the champion serves."""
    champions: list[Version] = Field(default_factory=list)
    """The versions that served, in order, the present one last; a rolled-back one is taken out."""
    versions: dict[Version, VersionEntry] = Field(default_factory=dict)
    highest: Version | None = None
    elsewhere: Version | None = Field(default=None, exclude_if=lambda version: version is None)
    """The highest number above `highest` that a version bears which is not ours: the next number is above it."""
    signature: dict[str, str] = Field(default_factory=dict)
    frozen: str | None = None
    asked: AskedToServe | None = None
    """Of a model that others serve."""
    behind_since_row: int | None = Field(default=None, exclude_if=lambda row: row is None)
    """The labelled row from which on outcomes name another version than the champion, though it was promoted before."""

    def add_version(self, entry: VersionEntry) -> None:
        """A version that was not known before."""
        self.versions[entry.version] = entry

    def complete_version(self, entry: VersionEntry) -> Status:
        """What a run tells of a version that was seen before its run ended: all but its status, which it gives."""
        known = self.versions[entry.version]
        self.versions[entry.version] = entry.model_copy(update={
            "status": known.status, "unusable": known.unusable, "withdrawn": known.withdrawn,
        })  # fmt: skip
        return known.status

    def number(self, highest: Version | None, signature: dict[str, str]) -> None:
        """The highest number that was given, and what of the spec it was given for."""
        self.highest, self.signature = highest, signature
        self.number_elsewhere(self.elsewhere)

    def number_elsewhere(self, version: Version | None) -> None:
        """A number that is not ours was met: kept while it is the highest of all."""
        given = [number for number in (self.highest, self.elsewhere, version) if number is not None]
        highest = max(given, key=age_order, default=None)
        self.elsewhere = None if highest == self.highest else highest

    def status_of(self, version: Version) -> Status | None:
        """What a version is; None if it is not known. The champion is that, whatever an earlier release wrote of it."""
        entry = self.versions.get(version)
        if entry is not None and version == self.champion:
            return "champion"
        return None if entry is None else entry.status

    def move(self, version: Version, event: Event) -> None:
        """Let an event happen to a version; raises ValueError if it cannot happen to one of its status."""
        entry = self.versions[version]
        status = next_status(version, entry.status, event)
        if status is None:
            del self.versions[version]
        else:
            entry.status = status

    def serve(self, version: Version, now: datetime, applied: FramePosition | None) -> None:
        """A version is the champion from the frame after `applied` on."""
        self.champion, self.champion_since = version, now
        self.champions = [*(known for known in self.champions if known != version), version][-VERSIONS_KEPT:]
        self.serving_since = applied.offset if applied else -1
        self.behind_since_row = None

    def take_back(self, versions: Collection[Version | None]) -> None:
        """These do not count as earlier champions any more."""
        self.champions = [version for version in self.champions if version not in versions]

    def withdraw_version(self, version: Version | None, *, withdrawn: bool) -> None:
        """A person took a version back, or let it serve again."""
        if version in self.versions and version is not None:
            self.versions[version].withdrawn = withdrawn

    def forget_oldest(self, needed: Collection[Version | None]) -> None:
        """Keep the newest versions, and those that are needed."""
        rest = [version for version in self.versions if version not in needed]
        for version in rest[: max(0, len(rest) - VERSIONS_KEPT)]:
            del self.versions[version]

    def ask_to_serve(self, asked: AskedToServe | None) -> None:
        """The owner of an external server was asked to let a version serve; None: nobody is asked any more."""
        self.asked = asked

    def note_behind(self, since_row: int | None) -> None:
        """The server goes on with another version since this labelled row; None: it does not."""
        self.behind_since_row = since_row

    def freeze(self, why: str | None) -> None:
        """Nothing is retrained or promoted from here on; None ends that."""
        self.frozen = why

    def mark_named(self, version: Version) -> None:
        """Outcomes named the version while it did not serve."""
        self.versions[version].named = True

    def note_unusable(self, version: Version, why: str | None) -> None:
        """Scoring could not run the version; None: it could."""
        self.versions[version].unusable = why
