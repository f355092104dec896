"""Benchmark results as Markdown tables: for a terminal, and for the README."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [[1, None]]))
    | a | b |
    |---|---|
    | 1 | – |
    """
    lines = [head, ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(_line(line) for line in lines)


def _line(cells: Sequence[str]) -> str:
    return "|---" * len(cells) + "|" if set(cells) == {"---"} else f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and abs(value) < 1e4
        else f"{value:,.0f}"
        if isinstance(value, float)
        else str(value)
    )


def detector_table(result: Mapping[str, Any]) -> str:
    """Delays, misses and false alarms of each detector on synthetic errors."""
    entries = result["detectors"]
    rises = list(next(iter(entries.values()))["delay"])
    shares = list(next(iter(entries.values()))["false_alarms_per_million"])
    head = ["detector", *rises, "missed", "FA/1M at " + " / ".join(shares), "alarms per drift", "on improvement"]
    rows = [
        [
            name,
            *(one["delay"][rise] for rise in rises),
            sum(one["missed"].values()),
            " / ".join(_cell(one["false_alarms_per_million"][share]) for share in shares),
            one["alarms_per_drift"],
            one["alarms_on_improvement"],
        ]
        for name, one in entries.items()
    ]
    return table(head, rows)


def real_table(result: Mapping[str, Any]) -> str:
    """Delays on recorded drifts."""
    if not result["real"]:
        return "(no recorded streams found)"
    drifts = next(iter(result["real"].values()))["drifts"]
    rows = [[name, *one["delays"], one["false_alarms"]] for name, one in result["real"].items()]
    return table(["detector", *drifts, "false alarms"], rows)


def regression_table(result: Mapping[str, Any]) -> str:
    """The e-detector on losses of a regression."""
    names = ["declared_per_million", "counted_per_million", "delay", "adwin_delay", "adwin_false_alarms_per_million"]
    rows = [[kind, *(one[name] for name in names)] for kind, one in result["regression"].items()]
    return table(["losses", *(name.replace("_", " ") for name in names)], rows)


def windows_table(result: Mapping[str, Any]) -> str:
    """Power and delay by shift, counted false alarms by kind of column, and the source rules."""
    shifts = [
        [
            name,
            one["size"],
            *(f"{_cell(one[count]['power'])} / {_cell(one[count]['delay'])}" for count in ("1", "10", "100")),
        ]
        for name, one in result["shifts"].items()
    ]
    still = [
        [kind, count, one["rows"], one["declared_per_million"], one["counted_per_million"]]
        for kind, counts in result["stationary"].items()
        for count, one in counts.items()
    ]
    rules = [[name, *one.values()] for name, one in result["rules_as_written"].items()]
    return "\n\n".join(
        (
            table(["shift", "size", "power / delay of 1", "of 10", "of 100 columns"], shifts),
            table(["columns without drift", "number", "rows", "declared per 1M", "counted per 1M"], still),
            table(["rule as written", "false alarms a check", "power on the mean"], rules),
        )
    )


def own_table(result: Mapping[str, Any]) -> str:
    """Every detector on a user's stream."""
    rows = [
        [name, ", ".join(_cell(delay) for delay in one["delays"]), one["false_alarms"], one["repeated_alarms"]]
        for name, one in result["detectors"].items()
    ]
    return table(["detector", "delays", "false alarms", "repeats"], rows)


def flat_table(result: Mapping[str, Any]) -> str:
    """Names and figures."""
    return table(["figure", "value"], [[name, value] for name, value in result.items() if not isinstance(value, dict)])
