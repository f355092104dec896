"""Evidence on frames that are not taken in yet, and what scoring has told of so far."""

from datetime import datetime

from pydantic import Field

from driftloop.contracts.message import Version
from retrain_coordinator.core.state.entries import VERSIONS_KEPT, Part, Unscored, Waiting


class FramesPart(Part):
    """What waits for its frame to be complete."""

    waiting: dict[int, Waiting] = Field(default_factory=dict)
    scores_at: datetime | None = None
    """When the log took the newest scores."""
    told: dict[Version, int] = Field(default_factory=dict)
    """By version, the newest frame that scoring has told of."""
    unscored: Unscored | None = None
    refused: dict[Version, str] = Field(default_factory=dict)
    """Versions that scoring could not score on some frame, and why on the first such frame: said once each."""

    def frame(self, offset: int) -> Waiting:
        """What has come about a frame; empty if nothing has."""
        return self.waiting.setdefault(offset, Waiting())

    def take_out(self, offset: int) -> Waiting:
        """What has come about a frame, which waits no more."""
        return self.waiting.pop(offset)

    def hear_scores(self, offset: int, versions: tuple[Version, ...], at: datetime) -> None:
        """Scoring has told of these versions on a frame."""
        self.scores_at = at if self.scores_at is None else max(self.scores_at, at)
        told = {version: max(offset, self.told.get(version, -1)) for version in versions}
        newest = sorted((self.told | told).items(), key=lambda entry: (entry[1], entry[0]))
        self.told = dict(newest[-VERSIONS_KEPT:])

    def miss_scores(self, offset: int) -> bool:
        """A frame is taken in without scores; true if it is the first in a row."""
        first = self.unscored is None
        self.unscored = Unscored(first=offset if self.unscored is None else self.unscored.first, last=offset)
        return first

    def scores_again(self) -> Unscored | None:
        """Scores came again: gives the run of frames without scores, if there was one."""
        span, self.unscored = self.unscored, None
        return span

    def note_refused(self, refused: dict[Version, str]) -> None:
        """Versions that scoring could not score, as far as that was said."""
        self.refused = refused
