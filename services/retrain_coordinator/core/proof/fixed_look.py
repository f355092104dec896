"""The z-test of the sources, as it is right: one look, at a number of rows fixed beforehand.

Looked at every six hours it promotes an equal challenger more than twice as often as it says, so
here nothing is said before `look_rows` rows, and the answer then is the last one.
"""

from math import sqrt
from typing import Literal

from scipy.special import ndtr

from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.state import ChallengeEntry

Outcome = Literal["promote", "reject", "continue"]


def fixed_look(entry: ChallengeEntry, rule: ChallengeRule) -> tuple[Outcome, str, dict[str, float | str | None]]:
    """Outcome, reason and figures of the one look.

    A paired z-test of the mean gain against zero, its variance raised for rows that hang together,
    beside the demand that the mean gain is at least the minimum effect.
    """
    test = entry.gain
    if test.rows < rule.look_rows:
        return "continue", f"{test.rows} of {rule.look_rows} rows before the one look", {}
    mean, variance = test.mean, test.variance * test.inflation
    z = mean / sqrt(variance / test.rows) if variance > 0 else float("inf") if mean > 0 else 0.0
    p_value = float(ndtr(-z))
    figures: dict[str, float | str | None] = {"p_value": p_value}
    said = f"mean gain {mean:+.4f} on {test.rows} rows, p = {p_value:.3g}"
    if p_value < rule.risk and mean >= rule.minimum_effect:
        return "promote", f"better at the one look: {said}", figures
    return "reject", f"not proven at the one look: {said}", figures
