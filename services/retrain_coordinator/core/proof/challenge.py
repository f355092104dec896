"""A challenger under proof: what the paired losses say.

First evidence of a challenge are the losses on the rows that its training held out, then those of
each frame. The verdict may be asked for at any time; see `paired_test` for why that is allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from driftloop.contracts.message import FramePosition, Version
from driftloop.contracts.training_results import TrainingResult
from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.proof import critical_errors
from retrain_coordinator.core.proof.canary import one_look
from retrain_coordinator.core.proof.fixed_look import fixed_look
from retrain_coordinator.core.proof.paired_losses import capped_sum, differences
from retrain_coordinator.core.proof.paired_test import PairedTest
from retrain_coordinator.core.proof.segments import harmed_segment
from retrain_coordinator.core.state import Afterwards, ChallengeEntry

ROWS_A_HORIZON = "rows_a_horizon"
"""The metric of a forecaster's run by which its proof knows how many forecasts share their truths."""
Evidence = dict[str, float | str | None]


@dataclass(frozen=True, slots=True)
class ChallengeVerdict:
    """`continue` means that the rows so far prove neither."""

    outcome: Literal["promote", "reject", "continue"]
    reason: str
    evidence: Evidence
    gate: str = "proof"
    """What decided: the proof, or `critical_errors`."""


def least_gain(rule: ChallengeRule) -> float:
    """The mean gain that must be exceeded: the minimum effect, or below zero if no loss of quality is enough.

    >>> least_gain(ChallengeRule(minimum_effect=0.02)), least_gain(ChallengeRule(non_inferiority=0.01))
    (0.02, -0.01)
    """
    return rule.minimum_effect if rule.non_inferiority is None else -rule.non_inferiority


def unproven(
    version: Version,
    champion: Version,
    rule: ChallengeRule,
    since: FramePosition | None,
    row: int,
    *,
    loss_bound: float = 1.0,
    overlap: float = 1.0,
    unopposed: bool = False,
) -> ChallengeEntry:
    """A challenge without any evidence, of rows that share truths with `overlap` rows."""
    return ChallengeEntry(
        version=version,
        champion=champion,
        since=since,
        since_row=row,
        loss_bound=loss_bound,
        unopposed=unopposed,
        gain=PairedTest(margin=least_gain(rule), overlap=overlap),
        harm=PairedTest(margin=-least_gain(rule), overlap=overlap),
    )


def overlap_of(result: TrainingResult) -> float:
    """How many rows share their truths with the next ones, by a run; 1 where each row is its own."""
    return max(result.metrics.get(ROWS_A_HORIZON, 1.0), 1.0)


def begin(
    result: TrainingResult,
    champion: Version,
    rule: ChallengeRule,
    since: FramePosition | None,
    row: int,
    *,
    refitted: bool = False,
    unopposed: bool = False,
) -> ChallengeEntry:
    """The challenge of a run's version, with its held-out losses as the first evidence.

    Of a version that was `refitted` they may prove a gain and never harm, and half the stake is kept
    back for the rows that follow: they were predicted by a model that had not seen the newest rows,
    the one that challenges has. Where the stream drifts, the first can lose and the second be right.
    """
    loss_bound = result.loss_bound or 1.0
    entry = unproven(
        result.version, champion, rule, since, row,
        loss_bound=loss_bound, overlap=overlap_of(result), unopposed=unopposed,
    )  # fmt: skip
    held_out = result.validation
    if held_out is None or len(held_out.champion_losses) != len(held_out.challenger_losses):
        return entry
    with_rows = after(entry, held_out.champion_losses, held_out.challenger_losses)
    with_rows = with_rows.model_copy(update={"validated_rows": with_rows.gain.rows})
    if not refitted:
        return with_rows
    return with_rows.model_copy(update={"gain": with_rows.gain.hedged(), "harm": entry.harm})


def after(entry: ChallengeEntry, champion: Sequence[float], challenger: Sequence[float]) -> ChallengeEntry:
    """The challenge with the losses of more rows, both versions on the same ones."""
    gains = differences(champion, challenger, entry.loss_bound)
    waited = entry.afterwards
    return entry.model_copy(
        update={
            "afterwards": waited and waited.model_copy(update={"harm": waited.harm.after(-gains)}),
            "gain": entry.gain.after(gains),
            "harm": entry.harm.after(-gains),
            "champion_loss": entry.champion_loss + capped_sum(champion, challenger, entry.loss_bound),
            "challenger_loss": entry.challenger_loss + capped_sum(challenger, champion, entry.loss_bound),
        }
    )


def waiting(entry: ChallengeEntry, rule: ChallengeRule, applied: FramePosition | None) -> ChallengeEntry:
    """A challenger that is proven and begins to wait: the rows after the frame `applied` are counted by themselves.

    Its bets on harm have lost all they had by then, so what goes wrong from now on needs a stake of its own.
    """
    if entry.unopposed or rule.mode == "none" or entry.afterwards is not None:
        return entry
    harm = PairedTest(margin=-least_gain(rule), overlap=entry.gain.overlap)
    return entry.model_copy(update={"afterwards": Afterwards(since=applied, harm=harm)})


def waits_no_longer(entry: ChallengeEntry) -> ChallengeEntry:
    """A challenger whose proof did not last: what it waited for, and until when, was for that proof."""
    return entry.model_copy(update={"waits_for": None, "waits_until": None, "afterwards": None})


def looked_anew(entry: ChallengeEntry) -> ChallengeEntry:
    """The challenge with its proof as the rows since leave it.

    Where they gain as is asked, or none came, nothing speaks against the proof and it holds as it was given. Else all
    rows together have to prove it now: that they once did no longer counts.
    """
    since = None if entry.afterwards is None else entry.afterwards.harm
    if since is not None and (not since.rows or -since.mean > entry.gain.margin):
        return entry
    return entry.model_copy(update={"gain": entry.gain.looked_anew()})


def verdict(entry: ChallengeEntry, rule: ChallengeRule) -> ChallengeVerdict:
    """What the rows so far prove, at the risk that the spec allows; no proof helps a version that fails too often."""
    word = _proof(entry, rule)
    if entry.unopposed or rule.mode == "none" or word.outcome == "reject":
        return word
    why = critical_errors.fails(entry, rule, proven=word.outcome == "promote")
    return word if why is None else ChallengeVerdict("reject", why, word.evidence, "critical_errors")


def _proof(entry: ChallengeEntry, rule: ChallengeRule) -> ChallengeVerdict:
    evidence: Evidence = {**_evidence(entry), **critical_errors.evidence(entry, rule)}
    if entry.unopposed:
        reason = f"{entry.champion} predicts another target than is declared, so there is nothing to compare with"
        return ChallengeVerdict("promote", reason, evidence)
    if rule.mode == "none":
        return ChallengeVerdict("promote", "the spec asks for no proof", evidence)
    harmed = _harmed(entry, rule, evidence)
    if harmed is not None:
        return harmed
    if rule.mode == "z-test":
        outcome, reason, figures = fixed_look(entry, rule)
        return ChallengeVerdict(outcome, reason, {**evidence, **figures})
    if rule.mode == "canary":
        outcome, reason, figures = one_look(entry, rule)
        return ChallengeVerdict(outcome, reason, {**evidence, **figures})
    return _by_bets(entry, rule, evidence)


def _harmed(entry: ChallengeEntry, rule: ChallengeRule, evidence: Evidence) -> ChallengeVerdict | None:
    """The rejection of a challenger that is proven worse on a part: a segment, or the rows since it was proven."""
    name = harmed_segment(entry, rule.risk)
    if name is not None:
        test = entry.segments[name]
        reason = f"worse on segment {name} by {test.mean:.4f} of the loss bound over {test.rows} rows, {_odds(test)}"
        return ChallengeVerdict("reject", reason, {**evidence, "segment": name})
    if entry.afterwards is not None and (test := entry.afterwards.harm).proven(rule.risk):
        since = f"on the {test.rows} rows since it was proven"
        reason = f"worse by {test.mean:.4f} of the loss bound {since}, {_odds(test)}"
        return ChallengeVerdict("reject", reason, evidence)
    return None


def _by_bets(entry: ChallengeEntry, rule: ChallengeRule, evidence: Evidence) -> ChallengeVerdict:
    proven, harmful = entry.gain.proven(rule.risk / rule.challengers), entry.harm.proven(rule.risk)
    if proven and (not harmful or entry.gain.peak_row <= entry.harm.peak_row):
        said = "better" if rule.non_inferiority is None else f"not worse by {rule.non_inferiority:g}: better"
        reason = f"{said} by {entry.gain.mean:.4f} of the loss bound on {entry.gain.rows} rows, {_odds(entry.gain)}"
        return ChallengeVerdict("promote", reason, evidence)
    if harmful:
        least = least_gain(rule)
        short = f"not better by {least:g}" if least > 0 else f"worse by more than {-least:g}" if least < 0 else "worse"
        reason = f"{short} on {entry.gain.rows} rows ({entry.gain.mean:+.4f} of the loss bound), {_odds(entry.harm)}"
        return ChallengeVerdict("reject", reason, evidence)
    if entry.gain.rows >= rule.maximum_rows:
        reason = f"neither better nor worse was proven in {entry.gain.rows} rows ({entry.gain.mean:+.4f})"
        return ChallengeVerdict("reject", reason, evidence)
    return ChallengeVerdict("continue", f"{entry.gain.rows} rows prove neither yet", evidence)


def _evidence(entry: ChallengeEntry) -> Evidence:
    rows = max(entry.gain.rows, 1)
    corrected: Evidence = {"corrected_rows": float(entry.corrected_rows)} if entry.corrected_rows else {}
    since: Evidence = {}
    if entry.afterwards is not None:
        test = entry.afterwards.harm
        since = {"rows_since_proven": float(test.rows), "mean_gain_since_proven": 0.0 - test.mean}
    return {
        "rows": float(entry.gain.rows),
        "validated_rows": float(entry.validated_rows),
        "mean_gain": entry.gain.mean,
        "champion_loss": entry.champion_loss / rows,
        "challenger_loss": entry.challenger_loss / rows,
        "gain_evidence": float(np.exp(min(entry.gain.log_evidence, 50.0))),
        "harm_evidence": float(np.exp(min(entry.harm.log_evidence, 50.0))),
        "rows_per_news": entry.gain.inflation,
        **corrected,
        **since,
    }


def _odds(test: PairedTest) -> str:
    return f"evidence {np.exp(min(test.peak, 50.0)):.3g} : 1 at row {test.peak_row}"
