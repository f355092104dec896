"""Several backtests as one Markdown table, from their JSON: for a README or a note."""

from collections.abc import Mapping, Sequence
from typing import Any

from driftloop.tools.backtest.options import REPORTED_SHARE
from driftloop.tools.backtest.summary import RETRAINS_RATIOS, retrains_saved, summary

_SHOWN = f"{REPORTED_SHARE:g}"


def main_table(outcomes: Sequence[Mapping[str, Any]], policy: str = "default") -> str:
    """A row a stream and a last one for all. Scores are accuracy in percent, or the mean absolute error.

    `outcomes` are what `outcome_json` gives; each must have `policy` and "never".
    """
    shares = list(outcomes[0]["best_calendar"])
    prices = " / ".join(f"{float(share):.1%}" for share in shares)
    head = [
        "stream", "no change", "never", "best calendar (trainings)", f"{policy} (trainings, reuses)",
        f"cost ÷ best calendar at {prices}", f"÷ oracle at {REPORTED_SHARE:.0%}",
        "calendar's trainings ÷ ours (of any period)",
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *(_line(one, policy, shares) for one in outcomes)]
    if len(outcomes) > 1:
        lines.append(_together(outcomes, policy, shares))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _line(one: Mapping[str, Any], policy: str, shares: Sequence[str]) -> list[str]:
    entry, best = one["policies"][policy], one["best_calendar"][_SHOWN]
    measure = "mae" if "mae" in best else "accuracy"
    costs = [f"{entry['by_price'][share]['times_best_calendar']:.3f}" for share in shares]
    return [
        one["data"],
        _score(one["no_change"], measure),
        _score(one["never"], measure),
        f"{_score(best[measure], measure)} ({best['retrains']})",
        f"{_score(entry[measure], measure)} ({entry['retrains']}, {entry['reuses']})",
        " / ".join(costs),
        f"{entry['by_price'][_SHOWN]['times_oracle']:.3f}",
        _ratios([entry[ratio] for ratio in RETRAINS_RATIOS]),
    ]


def _together(outcomes: Sequence[Mapping[str, Any]], policy: str, shares: Sequence[str]) -> list[str]:
    means = summary(outcomes)[policy]
    saved = [retrains_saved(outcomes, policy, ratio)["median"] for ratio in RETRAINS_RATIOS]
    costs = [f"{means[share]['times_best_calendar']:.3f}" for share in shares]
    worst = [f"{means[share]['worst']:.3f}" for share in shares]
    return [
        "geometric mean (worst)", "", "", "", "",
        f"{' / '.join(costs)} ({' / '.join(worst)})",
        f"{means[_SHOWN]['times_oracle']:.3f}",
        f"median {_ratios(saved)}",
    ]  # fmt: skip


def _score(value: float, measure: str) -> str:
    return f"{value:.4g}" if measure == "mae" else f"{value:.1%}"


def _ratios(values: Sequence[float | None]) -> str:
    """Against calendars of the usual periods, and (in brackets) of any. None: none loses as little."""
    usual, of_any = ("none is as good" if value is None else f"{value:.1f}" for value in values)
    return f"{usual} ({of_any})"
