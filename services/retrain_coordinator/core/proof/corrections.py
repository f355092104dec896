"""Labels that were corrected after versions were compared by them: the paired figures and bets by the new labels.

Revised are mean gain and losses, the bets on gain and harm, those by segment, and the harm of a champion on
probation, so a proof that waits (for a person, a veto window, the end of a freeze) does not outlive the labels
that it rests on. Not revised: a promotion or rejection that was made, the one look of a probation or a canary
and the rows of its arms, the books of the payoff rule, and the held-out rows that a challenge began with.
"""

from collections.abc import Sequence
from typing import NamedTuple

from driftloop.contracts.challenge_scores import ChallengeScores, CorrectedRow
from driftloop.contracts.message import FramePosition, Version
from retrain_coordinator.core.proof.paired_losses import capped_sum, differences
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import Afterwards, ChallengeEntry, ProbationEntry


class _Pair(NamedTuple):
    """Losses of two versions on corrected rows, by the old labels and by the new ones."""

    before: tuple[list[float], list[float]]
    now: tuple[list[float], list[float]]


def corrected_of(scores: Sequence[ChallengeScores]) -> tuple[CorrectedRow, ...]:
    """The corrections of a frame, in its rows' order; what several messages tell of a row counts together."""
    rows: dict[int, CorrectedRow] = {}
    for row in (row for message in scores for row in message.corrected):
        known = rows.get(row.row, row)
        both = {"before": {**row.before, **known.before}, "after": {**row.after, **known.after}}
        rows[row.row] = known.model_copy(update=both)
    return tuple(rows[place] for place in sorted(rows))


def of_challenge(entry: ChallengeEntry, rows: Sequence[CorrectedRow]) -> ChallengeEntry:
    """The challenge by the labels as they stand."""
    counted = _counted(rows, entry.since, entry.champion, entry.version)
    if not counted:
        return entry
    bound, pair = entry.loss_bound, _pair(counted, entry.champion, entry.version)
    before, now = (differences(*losses, bound) for losses in pair)
    (old_champion, old_challenger), (champion, challenger) = pair
    segments = {
        name: _of_segment(test, [row for row in counted if name in row.segments], entry)
        for name, test in entry.segments.items()
    }
    return entry.model_copy(
        update={
            "afterwards": entry.afterwards and _of_afterwards(entry.afterwards, rows, entry),
            "gain": entry.gain.corrected(before, now),
            "harm": entry.harm.corrected(-before, -now),
            "segments": segments,
            "champion_loss": entry.champion_loss
            + capped_sum(champion, challenger, bound)
            - capped_sum(old_champion, old_challenger, bound),
            "challenger_loss": entry.challenger_loss
            + capped_sum(challenger, champion, bound)
            - capped_sum(old_challenger, old_champion, bound),
            "corrected_rows": entry.corrected_rows + len(counted),
        }
    )


def of_probation(entry: ProbationEntry, rows: Sequence[CorrectedRow]) -> ProbationEntry:
    """The probation by the labels as they stand."""
    counted = _counted(rows, entry.since, entry.champion, entry.predecessor)
    if not counted:
        return entry
    before, now = (
        differences(*losses, entry.loss_bound) for losses in _pair(counted, entry.champion, entry.predecessor)
    )
    return entry.model_copy(update={"harm": entry.harm.corrected(before, now)})


def _of_afterwards(waited: Afterwards, rows: Sequence[CorrectedRow], entry: ChallengeEntry) -> Afterwards:
    counted = _counted(rows, waited.since, entry.champion, entry.version)
    return waited.model_copy(update={"harm": _of_segment(waited.harm, counted, entry)})


def _of_segment(test: PairedTest, rows: Sequence[CorrectedRow], entry: ChallengeEntry) -> PairedTest:
    pair = _pair(rows, entry.version, entry.champion)
    before, now = (differences(*losses, entry.loss_bound) for losses in pair)
    return test.corrected(before, now)


def _counted(
    rows: Sequence[CorrectedRow], since: FramePosition | None, first: Version, second: Version
) -> list[CorrectedRow]:
    """The rows that were compared: scored for both versions, in a frame after the comparison began."""
    start = -1 if since is None else since.offset
    return [row for row in rows if row.offset > start and {first, second} <= row.before.keys() & row.after.keys()]


def _pair(rows: Sequence[CorrectedRow], first: Version, second: Version) -> _Pair:
    before, now = (
        ([losses[first] for losses in told], [losses[second] for losses in told])
        for told in ([row.before for row in rows], [row.after for row in rows])
    )
    return _Pair(before, now)
