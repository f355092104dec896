"""`challenge-scores`: losses of several versions on the same labelled rows of a frame."""

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, Version


class ChallengeScores(ControlMessage):
    """Paired losses: entry i of every list is the same row.

    `losses` has the champion and each version scored beside it. An empty frame (no labelled row)
    is published too while versions are scored: it says that scoring is done with the frame.
    """

    position: FramePosition
    champion: Version
    losses: dict[Version, tuple[float, ...]]
    segments: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    """Segment → the indices of its rows in the lists."""
