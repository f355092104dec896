"""A gate on failed requests: a version that fails is not promoted, whatever it gains where it answers.

A critical error is a row that the version served and whose status is no success, or a row that it could not be run
on. Both are missing from the losses: a failed answer gets no label, and a row without a loss is left out for all.
Where versions are compared on the same rows, those that it was run on without an error are answers too.
"""

from collections.abc import Mapping

from driftloop.contracts.challenge_scores import AnsweredRows
from driftloop.contracts.message import Version
from driftloop.spec.challenge import ChallengeRule
from retrain_coordinator.core.state import ChallengeEntry


def after(entry: ChallengeEntry, answered: Mapping[Version, AnsweredRows]) -> ChallengeEntry:
    """The challenge with what a frame says of its version's answers."""
    told = answered.get(entry.version)
    if told is None:
        return entry
    rows, failed = entry.answered_rows + told.rows, entry.failed_rows + told.failed
    return entry.model_copy(update={"answered_rows": rows, "failed_rows": failed})


def fails(entry: ChallengeEntry, rule: ChallengeRule, *, proven: bool) -> str | None:
    """Why a challenger must not be promoted; None where it may, or the spec does not ask.

    Of one that is `proven` the share of the rows that it answered counts. Before that, it is rejected as soon as so
    many rows failed that even `look_rows` answers could not bring the share down to what is allowed.
    """
    most = rule.critical_errors
    if most is None:
        return None
    answers = _answers(entry, rule)
    counted = max(answers, 1 if proven else rule.look_rows)
    if entry.failed_rows / counted <= most:  # no product: 0.29 * 100 is less than 29
        return None
    allowed = "none is" if most == 0 else f"{most:.2%} are"
    return f"{entry.failed_rows} of the {answers} rows that it answered failed, {allowed} allowed"


def evidence(entry: ChallengeEntry, rule: ChallengeRule) -> dict[str, float | str | None]:
    """The figures of the gate; nothing where the spec does not ask."""
    if rule.critical_errors is None:
        return {}
    return {"answered_rows": float(_answers(entry, rule)), "critical_errors": float(entry.failed_rows)}


def _answers(entry: ChallengeEntry, rule: ChallengeRule) -> int:
    """The rows that it served or was run on since it challenges; in mode canary only production counts."""
    beside = 0 if rule.mode == "canary" else entry.gain.rows - entry.validated_rows
    return entry.answered_rows + beside
