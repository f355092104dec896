"""What a fleet of models comes to: their newest whole-model statuses taken together."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from driftloop.counted import counted

if TYPE_CHECKING:
    from driftloop.contracts.drift_status import DriftStatus

Totals = dict[str, float]

SUMMED = (
    "alarms_raised",
    "alarms_unconfirmed",
    "false_alarms_declared_per_month",
    "false_alarms_achieved_per_month",
    "corrections",
)
"""Metrics that add up over models. Rates do too: each is by the model's own months."""
HARM = ("error:", "performance:")
"""Beginnings of the active signals that are alarms on losses."""


def totals(statuses: "Iterable[DriftStatus]") -> Totals:
    """Models watched, harmed and only shifted (models each), rows, and the sums of `SUMMED`.

    >>> totals([])["models"]
    0.0
    """
    found = list(statuses)
    harmed = [one for one in found if any(name.startswith(HARM) for name in one.active_signals)]
    return {
        "models": float(len(found)),
        "harmed": float(len(harmed)),
        "shifted": float(sum(bool(one.active_signals) for one in found) - len(harmed)),
        "rows": float(sum(one.rows for one in found)),
        "labelled_rows": float(sum(one.labelled_rows for one in found)),
        **{name: sum(one.metrics.get(name, 0.0) for one in found) for name in SUMMED},
    }


def fleet_words(of: Totals) -> str:
    """The totals as a sentence; empty for fewer than two models.

    >>> fleet_words(totals([]))
    ''
    """
    if of["models"] < 2:
        return ""
    corrected = f", {counted(of['corrections'], 'label')} corrected" if of["corrections"] else ""
    return (
        f"{counted(of['models'], 'model')} watched: {of['harmed']:,.0f} harmed, {of['shifted']:,.0f} shifted without "
        f"harm; {counted(of['rows'], 'prediction')}, {counted(of['labelled_rows'], 'labelled row')}{corrected}. "
        "False alarms: "
        f"{of['false_alarms_declared_per_month']:.3g} a month declared, "
        f"{of['false_alarms_achieved_per_month']:.3g} a month came about "
        f"({of['alarms_unconfirmed']:,.0f} of {of['alarms_raised']:,.0f} alarms not borne out)"
    )
