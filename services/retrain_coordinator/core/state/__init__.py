"""What the coordinator remembers of a model: one JSON entry, bounded, mutable while a step runs.

The state is made of parts. A field belongs to one part, and only that part's methods write it (a test reads the
source for it): who may set `probation` is answered by opening `state/proof.py`.

On the log the entry is flat. Why: parts are there to read and to write by, and moving a field from one to another
must change no byte that an earlier or later release reads.
"""

from typing import Final

from pydantic import BaseModel

from retrain_coordinator.core.state.answers import AnswersPart
from retrain_coordinator.core.state.checkpoint import CheckpointPart
from retrain_coordinator.core.state.entries import (
    COMMANDS_KEPT,
    PROVEN_WAITS,
    RUNS_KEPT,
    SIGNALS_KEPT,
    VERSIONS_KEPT,
    Afterwards,
    Arm,
    Asked,
    AskedToServe,
    ChallengeEntry,
    Harm,
    ProbationEntry,
    Reading,
    RunEntry,
    Status,
    Suspicion,
    Unscored,
    VersionEntry,
    Waiting,
)
from retrain_coordinator.core.state.evidence import BooksPart, EvidencePart
from retrain_coordinator.core.state.frames import FramesPart
from retrain_coordinator.core.state.proof import ProofPart, WindowPart
from retrain_coordinator.core.state.runs import RefusalsPart, RunsPart
from retrain_coordinator.core.state.serving import ServingPart
from retrain_coordinator.core.state.target import TargetPart

__all__ = [
    "COMMANDS_KEPT", "PARTS", "PROVEN_WAITS", "RUNS_KEPT", "SIGNALS_KEPT", "VERSIONS_KEPT", "Afterwards", "Arm",
    "Asked", "AskedToServe", "ChallengeEntry", "Harm", "ModelState", "ProbationEntry", "Reading", "RunEntry", "Status",
    "Suspicion", "Unscored", "VersionEntry", "Waiting", "read_entry",
]  # fmt: skip

LAYOUT: Final = 1
"""The layout of an entry. Fields that are added with a default need no other; `read_entry` takes up earlier ones."""

_BY_INTERLEAVING: Final = {"waiting", "scores_at", "told", "waits", "sealed", "arrived"}
"""What waits for its frame, since when, and how far other topics were read. Verification reads it from the log."""

PARTS: tuple[type[BaseModel], ...] = (
    EvidencePart, BooksPart, ServingPart, ProofPart, WindowPart, RunsPart, RefusalsPart, FramesPart, TargetPart,
    AnswersPart, CheckpointPart,
)  # fmt: skip


class ModelState(
    CheckpointPart, AnswersPart, TargetPart, FramesPart, RefusalsPart, RunsPart, WindowPart, ProofPart, ServingPart,
    BooksPart, EvidencePart,
):  # fmt: skip
    """All that the coordinator knows of a model, as of the frame `applied`."""

    model_id: str
    layout: int = LAYOUT

    def to_json(self) -> bytes:
        """The entry as it stands in the changelog."""
        return self.model_dump_json(exclude_defaults=True).encode()

    def decided_by(self) -> bytes:
        """The entry without what hangs on how topics interleave: the log alone decides the rest."""
        return self.model_dump_json(exclude_defaults=True, exclude=_BY_INTERLEAVING).encode()


def read_entry(value: bytes) -> ModelState:
    """The state in an entry; raises ValueError for one that a later release wrote in another layout.

    >>> read_entry(b'{"model_id": "plant", "champion": "1.0.0"}').champion
    '1.0.0'
    """
    state = ModelState.model_validate_json(value)
    if state.layout > LAYOUT:
        raise ValueError(
            f"the entry of {state.model_id} has layout {state.layout}, this release reads up to {LAYOUT}: "
            "a later release wrote it, start that one"
        )
    return state
