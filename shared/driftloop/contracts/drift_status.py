"""`drift-status`: every metric of a model as of a frame.

Detection publishes one for the whole model (segment empty) with each frame, after all else: it says that detection is
done with the frame, and the coordinator counts on it. Of a segment there is one a second at most (detection's setting
`segment_status_seconds`): as of the newest frame with rows of it, a second after the one before. Where an alarm of the
segment begins or ends, or the version or spec is another, its status comes with that frame. Which frames have one
depends on the pace; what stands in it does not. What still waits is published before detection stops or a partition
moves, where it may come once more with the same message id. Where detection is killed, it is not: then the segment's
next status comes with its next rows.
"""

from pydantic import AwareDatetime, Field

from driftloop.contracts.message import ControlMessage, FramePosition, Message, Version


class TestStatus(Message):
    """One statistic now, beside its threshold."""

    name: str
    subject: str = ""
    statistic: float
    threshold: float
    p_value: float | None = None
    rows: int = Field(ge=0)
    alarmed: bool = False


class VariantAnswers(Message):
    """What one version answered in one channel of late: right and wrong answers, the older ones counting less."""

    right: float = Field(ge=0)
    wrong: float = Field(ge=0)


class LossBlock(Message):
    """A closed run of consecutive labelled rows of one version, and their mean loss.

    Blocks end by count of rows (or where the version changes), never by frame, so they are the
    same however the rows were batched.
    """

    index: int = Field(ge=0)
    first_row: int = Field(ge=0)
    rows: int = Field(ge=1)
    model_version: Version
    loss: float
    last_at: AwareDatetime


class DriftStatus(ControlMessage):
    """What detection knows about one model and segment after a frame: of the whole model after each one, of a segment
    at most once a second and where something of it changes."""

    segment: str = ""
    model_version: Version | None = None
    spec_version: int = Field(ge=1)
    position: FramePosition
    rows: int = Field(ge=0)
    labelled_rows: int = Field(ge=0)
    as_of: AwareDatetime
    loss_blocks: tuple[LossBlock, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    tests: tuple[TestStatus, ...] = ()
    active_signals: tuple[str, ...] = ()
    signals: int | None = Field(default=None, ge=0)
    """In a whole-model status: how many signals were published about its frame, over all segments. Topics
    are not read in step, so a reader that needs them all counts them."""
    attribution: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """In a whole-model status: what is not watched, or otherwise than the spec lets expect, in sentences."""
    channels: dict[str, dict[str, VariantAnswers]] = Field(
        default_factory=dict, exclude_if=lambda channels: not channels
    )
    """In a whole-model status of a model with `variants`: by channel and version, what was answered of late."""
    numbered_elsewhere: Version | None = Field(default=None, exclude_if=lambda version: version is None)
    """In a whole-model status: of the versions beside `model_version` that predicted rows of the frame and have no
    profile, the highest that is named as driftloop names its own. The next run gets a higher number: no two versions
    may share a name."""
