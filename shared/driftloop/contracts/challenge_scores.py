"""`challenge-scores`: losses of several versions on the same labelled rows of a frame."""

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, Message, Version


class CorrectedRow(Message):
    """A row whose label was corrected after it was scored: losses by version, by the old label and by the new one.

    `row` is its place in the frame that told the correction, `offset` the frame that it was scored in.
    """

    row: int = Field(ge=0)
    offset: int = Field(ge=0)
    before: dict[Version, float]
    after: dict[Version, float]
    segments: tuple[str, ...] = ()


class ChallengeScores(ControlMessage):
    """Paired losses: entry i of every list is the same row.

    `losses` has the champion and each version scored beside it: challengers, the predecessor on
    probation, archived versions that may be reused. An empty frame (no labelled row) is published
    too while versions are scored: it says that scoring is done with the frame.

    `fresh` and `twin` tell what is attainable now, where the policy asks for it: by number of rows,
    what a cheap model of the newest so many rows loses on these rows, and the mean of what cheap
    models of the champion's own rows lose.
    """

    position: FramePosition
    champion: Version
    losses: dict[Version, tuple[float, ...]]
    fresh: dict[int, tuple[float, ...]] = Field(default_factory=dict)
    twin: tuple[float, ...] = ()
    segments: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """Segment → the indices of its rows in the lists."""
    served: dict[Version, tuple[int, ...]] = Field(default_factory=dict)
    """Challenger or champion → the indices of the rows that it has predicted in production (a live canary)."""
    corrected: tuple[CorrectedRow, ...] = ()
    """Rows of earlier frames (or of this one) whose labels this frame corrects."""
