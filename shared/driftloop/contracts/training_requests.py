"""`training-requests`: a command: train this, from this data, this way."""

from typing import Literal

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition, Message, Name, Scalar, Version
from driftloop.contracts.model_specs import SpecVersion

TrainingMode = Literal["full", "incremental"]


class RowSpan(Message):
    """Labelled rows counted back from the newest: row `oldest` from the end up to row `newest` + 1 from the end.

    `oldest` 100 and `newest` 0 are the last hundred rows.
    """

    oldest: int = Field(ge=1)
    newest: int = Field(ge=0)


class DataRule(Message):
    """Which labelled rows to learn from: the last `rows` at or before the frame `until`.

    `fresh_rows` of them, the newest, belong to the present concept (they came after the onset);
    `replay_rows` older ones are mixed in, evenly spread, and the others are not learnt from. Without either
    all rows are. `left_out` names rows that are in quarantine: they are neither
    learnt from nor held out, and count among `rows`. `validation_share` of the newest are held out, in time
    order; with a mix, of the fresh ones half at most. The rule names rows by count back from a frame, so it picks
    the same rows for ever.
    """

    until: FramePosition
    rows: int = Field(ge=1)
    fresh_rows: int | None = Field(default=None, ge=1)
    replay_rows: int = Field(default=0, ge=0)
    left_out: tuple[RowSpan, ...] = ()
    minimum_rows: int = Field(default=50, ge=2)
    validation_share: float = Field(default=0.2, gt=0, lt=1)


class Candidate(Message):
    """An archived version that may serve again instead of a new one."""

    version: Version
    artifact: str
    sha256: str


class TrainingRequest(ControlMessage):
    """One training run. `message_id` is the run's id; the same id is never trained into two versions.

    `version` is the one the run may become; `base_version` the one it starts from (incremental);
    `champion` the one it is compared with on the held-out rows. `candidates` are tried on the newest
    rows first: where one is clearly better than the champion, nothing is trained and the result names
    it in `reused_version`.
    """

    version: Version
    mode: TrainingMode = "full"
    base_version: Version | None = None
    base_artifact: str | None = None
    base_sha256: str | None = None
    champion: Version | None = None
    champion_artifact: str | None = None
    champion_sha256: str | None = None
    spec_version: SpecVersion
    learner: Name
    learner_parameters: dict[str, Scalar | list[Scalar] | None] = Field(default_factory=dict)
    data: DataRule
    candidates: tuple[Candidate, ...] = ()
    seed: int = 0
    reason: str
