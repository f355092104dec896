"""A live canary: champion and challenger each serve their share of the traffic, and one look compares them.

The sources' two-proportion z-test on the rows that each version served itself. It is looked at once,
at a number of rows a version that was fixed beforehand: the first `look_rows` of each count, and
nothing is said before both are there. Half an error is for 0/1 losses alone: of others the means and
their own variances are compared (Welch).
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Literal

import numpy as np
from scipy.special import ndtr

from driftloop.contracts.message import Version
from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.state import Arm, ChallengeEntry

Outcome = Literal["promote", "reject", "continue"]
Figures = dict[str, float | str | None]


def after(
    entry: ChallengeEntry,
    losses: Mapping[Version, Sequence[float]],
    served: Mapping[Version, Sequence[int]],
    look_rows: int,
) -> ChallengeEntry:
    """The challenge with the rows that either version served; beyond `look_rows` of a version none count."""
    arms = dict(entry.arms)
    for version in (entry.champion, entry.version):
        arm = arms.get(version, Arm())
        found = np.array([losses[version][place] for place in served.get(version, ())][: look_rows - arm.rows])
        shares = np.minimum(found[np.isfinite(found)], entry.loss_bound) / entry.loss_bound
        arms[version] = Arm(
            rows=arm.rows + len(shares), total=arm.total + float(shares.sum()),
            squares=arm.squares + float((shares**2).sum()),
        )  # fmt: skip
    return entry.model_copy(update={"arms": arms})


def one_look(entry: ChallengeEntry, rule: ChallengeRule) -> tuple[Outcome, str, Figures]:
    """Outcome, reason and figures of the one look."""
    champion, challenger = (entry.arms.get(version, Arm()) for version in (entry.champion, entry.version))
    figures: Figures = {"champion_rows": float(champion.rows), "challenger_rows": float(challenger.rows)}
    served = f"{entry.version} has served {challenger.rows} and {entry.champion} {champion.rows} rows"
    if min(champion.rows, challenger.rows) < rule.look_rows:
        if entry.gain.rows - entry.validated_rows >= rule.maximum_rows:
            reason = f"{served} of {rule.look_rows} each in {rule.maximum_rows} rows: is the traffic split?"
            return "reject", reason, figures
        return "continue", f"{served} of the {rule.look_rows} each before the one look", figures
    gain, z = _gain(champion, challenger)
    p_value = float(ndtr(-z))
    figures |= {"p_value": p_value, "live_gain": gain}
    said = f"gain {gain:+.4f} on {rule.look_rows} rows each, p = {p_value:.3g}"
    if p_value < rule.risk and gain >= rule.minimum_effect:
        return "promote", f"better in live traffic at the one look: {said}", figures
    return "reject", f"not proven in live traffic at the one look: {said}", figures


def _gain(champion: Arm, challenger: Arm) -> tuple[float, float]:
    """How much less the challenger lost a row, and that over its standard error."""
    before, now = champion.total / champion.rows, challenger.total / challenger.rows
    if champion.squares == champion.total and challenger.squares == challenger.total:  # losses are 0 or 1
        pooled = (champion.total + challenger.total) / (champion.rows + challenger.rows)
        variance = pooled * (1 - pooled) * (1 / champion.rows + 1 / challenger.rows)
    else:
        variance = sum(arm.squares / arm.rows - (arm.total / arm.rows) ** 2 for arm in (champion, challenger))
        variance /= min(champion.rows, challenger.rows)
    gain = before - now
    return gain, gain / sqrt(variance) if variance > 0 else float("inf") if gain > 0 else 0.0
