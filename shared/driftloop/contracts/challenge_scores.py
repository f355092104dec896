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


class RefusedVersion(Message):
    """Why a version has no losses on a frame: a sentence for a person.

    `unusable`: the version itself cannot be run (its artifact is missing, damaged or cannot be loaded), on this
    frame or any other, so it must not serve. Otherwise only these rows could not be scored.
    """

    reason: str
    unusable: bool = False


class AnsweredRows(Message):
    """Rows of a frame that a version answered, or was to answer, and how many of those failed."""

    rows: int = Field(ge=0)
    failed: int = Field(ge=0)


class ChallengeScores(ControlMessage):
    """Paired losses: entry i of every list is the same row.

    `losses` has the champion and each version scored beside it: challengers, the predecessor on
    probation, archived versions that may be reused. An empty frame (no labelled row) is published
    too while versions are scored: it says that scoring is done with the frame.

    A version that could not be scored stands in `refused` and not in `losses`; the others are scored all the
    same. Where nothing of the frame can be scored (it cannot be read, its spec is unknown), every version that was
    expected is refused, the champion too: nobody waits for scores that never come. Losses of an archived version
    are told only if its artifact was there, verified, when the frame was scored: the coordinator lets it serve
    again on that word.

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
    refused: dict[Version, RefusedVersion] = Field(default_factory=dict)
    """Version → why it was not scored on this frame."""
    answered: dict[Version, AnsweredRows] = Field(default_factory=dict, exclude_if=lambda answered: not answered)
    """Version → the rows that it answered in production, labelled or not, and how many of them failed; of one that
    could not be run on the frame, its labelled rows too. Only if the spec bounds them
    (`challenge.critical_errors`)."""
