"""Evidence about a frame waits here until every source has reported that frame.

Why: signals, status and scores come on three topics, and how those interleave depends on the
machine. Taken in by frame (scores, then signals, then status), they give the same decisions always.
Detection is always expected; its whole-model status says that it is done with a frame, and how many
signals it raised there (they are on another topic, and may be read later). Scoring is
expected for the versions that are under proof or on probation since before the frame: it tells their
losses, or why it refused them.

Nothing is waited for without end. A frame that detection left out is passed over as soon as a later one
was reported; one whose scores or signals do not come goes on without them at `deadline`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from driftloop.contracts.challenge_scores import AnsweredRows, ChallengeScores, CorrectedRow, RefusedVersion
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus
from driftloop.contracts.message import FramePosition, Version
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.lifecycle.target import opponent
from retrain_coordinator.core.proof.corrections import corrected_of
from retrain_coordinator.core.state import ModelState, Waiting

FRAMES_WAITING = 2_000
"""Frames that may wait for scores; beyond, the oldest goes on without: a scorer that is down must
not keep drift from being answered."""
PASSED_OVER = timedelta(minutes=2)
"""How long a frame waits for the scores of versions that scoring has told of a later frame."""
SILENT = timedelta(minutes=30)
"""How long it waits where nothing at all comes from scoring. Long, because a scorer that catches up with a
backlog is silent about one model while it works on others."""


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """All that was said about a frame, in the order in which it counts.

    `refused` are versions that scoring could not score there, `missing` those that it has not told of
    though they were expected (the frame went on without).
    """

    position: FramePosition
    losses: Mapping[Version, tuple[float, ...]]
    segments: Mapping[str, tuple[int, ...]]
    served: Mapping[Version, tuple[int, ...]]
    corrected: tuple[CorrectedRow, ...]
    scores: tuple[ChallengeScores, ...]
    signals: tuple[DriftSignal, ...]
    status: DriftStatus
    at: datetime
    refused: Mapping[Version, RefusedVersion]
    missing: frozenset[Version]
    expected: frozenset[Version]
    answered: Mapping[Version, AnsweredRows]


@dataclass(frozen=True, slots=True)
class Head:
    """The oldest frame that waits, as far as it was reported: what has come, and what has not."""

    offset: int
    waiting: Waiting
    status: str
    at: datetime
    expected: frozenset[Version]
    missing: frozenset[Version]
    signals_missing: int

    @property
    def is_complete(self) -> bool:
        """Whether every source has reported the frame."""
        return not self.missing and self.signals_missing <= 0


def add(state: ModelState, message: ChallengeScores | DriftSignal | DriftStatus, raw: str, at: datetime) -> bool:
    """Let a message wait for its frame to be complete; False if the frame has been taken in already.

    Scores count as heard then too: how far scoring has come is known whenever it tells.
    """
    offset = message.position.offset
    if isinstance(message, ChallengeScores):
        state.hear_scores(offset, (*message.losses, *message.refused), at)
    if state.applied is not None and offset <= state.applied.offset:
        return False
    waiting = state.frame(offset)
    if isinstance(message, ChallengeScores):
        waiting.scores.append(raw)
        waiting.told = sorted({*waiting.told, *message.losses, *message.refused})
    elif isinstance(message, DriftSignal):
        waiting.signals.append(raw)
    elif message.segment == "":
        waiting.status, waiting.at, waiting.signals_raised = raw, at, message.signals or 0
    _pass_over(state)
    return True


def head(state: ModelState, spec: ModelSpec, *, scored_always: bool = False) -> Head | None:
    """The oldest frame that waits; None if none does, or detection has not reported it yet.

    `scored_always`: the policy goes by scores, so they are expected whenever a version serves.
    """
    offset = min(state.waiting, default=None)
    if offset is None:
        return None
    waiting = state.waiting[offset]
    if waiting.status is None or waiting.at is None:
        return None
    expected = frozenset(_expected(state, spec, offset, scored_always=scored_always))
    raised = waiting.signals_raised
    if raised is None:
        raised = DriftStatus.from_json(waiting.status).signals or 0
    missing = expected - _told(waiting)
    return Head(offset, waiting, waiting.status, waiting.at, expected, missing, raised - len(waiting.signals))


def deadline(state: ModelState, found: Head) -> datetime | None:
    """When a frame that is not complete goes on all the same, by the log's time; None if it is complete."""
    if found.is_complete:
        return None
    if found.signals_missing <= 0 and all(state.told.get(version, -1) > found.offset for version in found.missing):
        return found.at + PASSED_OVER
    return max(found.at, state.scores_at or found.at) + SILENT


def next_complete(
    state: ModelState, spec: ModelSpec, *, scored_always: bool = False, until: datetime | None = None
) -> FrameEvidence | None:
    """Take out the oldest frame if all its sources have reported it, else None.

    With `until`, a frame whose deadline has come by then is taken out too, with what there is.
    """
    found = head(state, spec, scored_always=scored_always)
    if found is None:
        return None
    if not found.is_complete and len(state.waiting) <= FRAMES_WAITING:
        due = deadline(state, found)
        if until is None or due is None or due > until:
            return None
    state.take_out(found.offset)
    _pass_over(state)
    raws = (*found.waiting.carried, *found.waiting.signals)
    signals = sorted((DriftSignal.from_json(raw) for raw in raws), key=_signal_order)
    scores = tuple(ChallengeScores.from_json(raw) for raw in sorted(found.waiting.scores))
    status = DriftStatus.from_json(found.status)
    longest = _longest(scores)
    losses = _united(scores)
    refused = {
        version: why for message in scores for version, why in message.refused.items() if not losses.get(version)
    }
    return FrameEvidence(
        status.position, losses, dict(longest.segments) if longest else {},
        dict(longest.served) if longest else {}, corrected_of(scores), scores, tuple(signals), status,
        found.at, refused, found.missing, found.expected, _answered(scores),
    )  # fmt: skip


def _told(waiting: Waiting) -> set[Version]:
    if waiting.told or not waiting.scores:
        return set(waiting.told)
    messages = map(ChallengeScores.from_json, waiting.scores)
    return {version for message in messages for version in (*message.losses, *message.refused)}


def _pass_over(state: ModelState) -> None:
    """Drop frames that detection left out: a later one was reported, and it reports them in order.

    Their signals, if any came, count with the next frame.
    """
    reported = min((offset for offset, one in state.waiting.items() if one.status is not None), default=None)
    if reported is None:
        return
    for offset in sorted(offset for offset in state.waiting if offset < reported):
        state.frame(reported).carried += state.take_out(offset).signals


def _united(scores: Sequence[ChallengeScores]) -> dict[Version, tuple[float, ...]]:
    """Losses by version. A frame that was read again for a new challenger is told twice: the longer list counts."""
    losses: dict[Version, tuple[float, ...]] = {}
    for message in scores:
        for version, values in message.losses.items():
            losses[version] = max(losses.get(version, ()), values, key=len)
    return losses


def _answered(scores: Sequence[ChallengeScores]) -> dict[Version, AnsweredRows]:
    """The rows that each version answered; of a frame that is told twice, those of one telling."""
    found: dict[Version, AnsweredRows] = {}
    for message in scores:
        for version, told in message.answered.items():
            found[version] = max(found.get(version, told), told, key=lambda one: (one.rows, one.failed))
    return found


def _longest(scores: Sequence[ChallengeScores]) -> ChallengeScores | None:
    """The message with the most rows: it tells the segments, and who served which row."""
    return max(scores, key=lambda message: len(message.losses.get(message.champion, ())), default=None)


def _expected(state: ModelState, spec: ModelSpec, offset: int, *, scored_always: bool) -> set[Version]:
    scored: set[Version] = set()
    champion = opponent(state, spec)
    if scored_always and champion is not None and offset > state.serving_since:
        scored.add(champion)
    for challenge in state.challenges.values():
        if not challenge.unopposed and (challenge.since is None or challenge.since.offset < offset):
            scored |= {challenge.version, challenge.champion}
    probation = state.probation
    if probation is not None and (probation.since is None or probation.since.offset < offset):
        scored |= {probation.champion, probation.predecessor}
    return scored


def _signal_order(signal: DriftSignal) -> tuple[int, str]:
    return signal.raised.row, str(signal.message_id)
