"""Detection once more: frames in, signals and statuses out."""

from collections.abc import Sequence
from datetime import UTC, datetime

from drift_detection.core.processor import DriftDetection
from driftloop.contracts import topics
from driftloop.processor import Outgoing, Record
from driftloop.tools.verify.recorded import Recorded, milliseconds_of

Answer = tuple[Record, Sequence[Outgoing]]


def detect_again(recorded: Recorded, model: str) -> list[Answer]:
    """Each frame of a model with what detection says about it.

    Specs are shown to it when the log had them; profiles at once, since a version's profile is on the
    log before anything is predicted with it.
    """
    core = DriftDetection()
    core.take_table(topics.MODEL_PROFILES, recorded.of(topics.MODEL_PROFILES, model))
    specs = list(recorded.of(topics.MODEL_SPECS, model))
    core.take_table(topics.MODEL_SPECS, [specs.pop(0) for _ in specs[:1]])
    answers: list[Answer] = []
    for frame in recorded.of(topics.OUTCOME_FRAMES, model):
        now = milliseconds_of(frame)
        while specs and milliseconds_of(specs[0]) <= now:
            core.take_table(topics.MODEL_SPECS, [specs.pop(0)])
        effects = core.process([frame], datetime.fromtimestamp(now / 1000, UTC), tables_current=True)
        answers.append((frame, effects.outgoing))
    return answers
