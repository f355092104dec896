"""Several streams in one figure: geometric means of cost over the best calendar, and over the oracle."""

from collections.abc import Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any

RETRAINS_RATIOS = ("calendar_retrains_ratio", "any_calendar_retrains_ratio")
"""What a backtest's JSON says of calendars of the usual periods (1, 2, 4 … 64 blocks), and of those of any period."""


def summary(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """By policy and price, over streams: the mean and the worst ratio, and the mean ratio to the oracle.

    `outcomes` are what `outcome_json` gives. Policies that some stream lacks are left out.
    """
    shared = [name for name in outcomes[0]["policies"] if all(name in each["policies"] for each in outcomes)]
    return {name: _by_price([each["policies"][name]["by_price"] for each in outcomes]) for name in shared}


def _by_price(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    shares = [share for share in runs[0] if all(share in each for each in runs)]
    found = {}
    for share in shares:
        calendar = [each[share]["times_best_calendar"] for each in runs]
        oracle = [each[share]["times_oracle"] for each in runs]
        found[share] = {
            "times_best_calendar": round(geometric_mean(calendar), 4),
            "worst": round(max(calendar), 4),
            "times_oracle": round(geometric_mean(oracle), 4),
        }
    return found


def retrains_saved(
    outcomes: Sequence[Mapping[str, Any]], name: str = "default", ratio: str = RETRAINS_RATIOS[0]
) -> dict[str, float | None]:
    """How many times more often a calendar retrains for the same accuracy, and their median.

    `ratio` says which calendars. A stream counts None where none of them is as accurate, which counts as more
    than any number.
    """
    ratios = {each["data"]: each["policies"][name][ratio] for each in outcomes}
    numbers = [float("inf") if one is None else one for one in ratios.values()]
    middle = median(numbers)
    return {**ratios, "median": None if middle == float("inf") else middle}
