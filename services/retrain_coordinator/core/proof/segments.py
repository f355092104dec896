"""A gate per segment: what a challenger gains on the whole must not be paid for by a part.

Each segment has its own bets that the challenger is worse there by more than is tolerated. A gain on
the whole is often proven by rows of the large segments alone; a small one that suffers has a say here.
"""

from collections.abc import Mapping, Sequence

from retrain_coordinator.core.proof.paired_losses import differences
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.state import ChallengeEntry

SEGMENTS_WATCHED = 30


def by_segment(
    entry: ChallengeEntry,
    losses: tuple[Sequence[float], Sequence[float]],
    segments: Mapping[str, Sequence[int]],
    tolerance: float,
) -> ChallengeEntry:
    """The challenge with what a frame's rows say of each segment; `losses` are the champion's and the challenger's.

    The first `SEGMENTS_WATCHED` segments that come up are watched.
    """
    tests = dict(entry.segments)
    for name, places in segments.items():
        if name in tests or len(tests) < SEGMENTS_WATCHED:
            champion, challenger = ([found[place] for place in places] for found in losses)
            test = tests.get(name, PairedTest(margin=tolerance, overlap=entry.gain.overlap))
            tests[name] = test.after(differences(challenger, champion, entry.loss_bound))
    return entry.model_copy(update={"segments": tests})


def harmed_segment(entry: ChallengeEntry, risk: float) -> str | None:
    """A segment on which the challenger is proven worse than is tolerated; the risk is shared by all of them."""
    share = risk / max(1, len(entry.segments))
    return next((name for name, test in entry.segments.items() if test.proven(share)), None)
