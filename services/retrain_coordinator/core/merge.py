"""Evidence about a frame waits here until every source has reported that frame.

Why: signals, status and scores come on three topics, and how those interleave depends on the
machine. Taken in by frame (scores, then signals, then status), they give the same decisions always.
Detection is always expected; its whole-model status says that it is done with a frame, and how many
signals it raised there (they are on another topic, and may be read later). Scoring is
expected for the versions that are under proof or on probation since before the frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from driftloop.contracts.challenge_scores import ChallengeScores, CorrectedRow
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import FramePosition, Version
from retrain_coordinator.core.corrections import corrected_of
from retrain_coordinator.core.state import ModelState, Waiting

FRAMES_WAITING = 2_000
"""Frames that may wait for scores; beyond, the oldest goes on without: a scorer that is down must
not keep drift from being answered."""


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """All that was said about a frame, in the order in which it counts."""

    position: FramePosition
    losses: Mapping[Version, tuple[float, ...]]
    segments: Mapping[str, tuple[int, ...]]
    served: Mapping[Version, tuple[int, ...]]
    corrected: tuple[CorrectedRow, ...]
    scores: tuple[ChallengeScores, ...]
    signals: tuple[DriftSignal, ...]
    status: DriftStatus
    at: datetime


def add(state: ModelState, message: ChallengeScores | DriftSignal | DriftStatus, raw: str, at: datetime) -> bool:
    """Let a message wait for its frame to be complete; False where the frame has been taken in already."""
    offset = message.position.offset
    if state.applied is not None and offset <= state.applied.offset:
        return False
    waiting = state.waiting.setdefault(offset, Waiting())
    if isinstance(message, ChallengeScores):
        waiting.scores.append(raw)
    elif isinstance(message, DriftSignal):
        waiting.signals.append(raw)
    elif message.segment == "":
        waiting.status, waiting.at = raw, at
    return True


def next_complete(state: ModelState, *, scored_always: bool = False) -> FrameEvidence | None:
    """Take out the oldest frame if all its sources have reported it, else None.

    `scored_always`: the policy goes by scores, so they are expected whenever a version serves.
    """
    if not state.waiting:
        return None
    offset = min(state.waiting)
    waiting = state.waiting[offset]
    if waiting.status is None or waiting.at is None:
        return None
    scores = [ChallengeScores.from_json(raw) for raw in sorted(waiting.scores)]
    losses = _united(scores)
    status = DriftStatus.from_json(waiting.status)
    missing = _expected(state, offset, scored_always=scored_always) - losses.keys()
    if len(waiting.signals) < (status.signals or 0) or (missing and len(state.waiting) <= FRAMES_WAITING):
        return None
    del state.waiting[offset]
    signals = sorted((DriftSignal.from_json(raw) for raw in waiting.signals), key=_signal_order)
    longest = _longest(scores)
    return FrameEvidence(
        status.position, losses, dict(longest.segments) if longest else {}, dict(longest.served) if longest else {},
        corrected_of(scores), tuple(scores), tuple(signals), status, waiting.at,
    )  # fmt: skip


def _united(scores: Sequence[ChallengeScores]) -> dict[Version, tuple[float, ...]]:
    """Losses by version. A frame that was read again for a new challenger is told twice: the longer list counts."""
    losses: dict[Version, tuple[float, ...]] = {}
    for message in scores:
        for version, values in message.losses.items():
            losses[version] = max(losses.get(version, ()), values, key=len)
    return losses


def _longest(scores: Sequence[ChallengeScores]) -> ChallengeScores | None:
    """The message with the most rows: it tells the segments, and who served which row."""
    return max(scores, key=lambda message: len(message.losses.get(message.champion, ())), default=None)


def _expected(state: ModelState, offset: int, *, scored_always: bool) -> set[Version]:
    scored: set[Version] = set()
    if scored_always and state.champion is not None and offset > state.serving_since:
        scored.add(state.champion)
    for challenge in state.challenges.values():
        if challenge.since is None or challenge.since.offset < offset:
            scored |= {challenge.version, challenge.champion}
    probation = state.probation
    if probation is not None and (probation.since is None or probation.since.offset < offset):
        scored |= {probation.champion, probation.predecessor}
    return scored


def _signal_order(signal: DriftSignal) -> tuple[int, str]:
    return signal.raised.row, str(signal.message_id)
