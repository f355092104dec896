"""Benchmark results as Markdown tables: for a terminal, and for the documentation."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table.

    >>> print(table(["a", "b"], [[1, None]]))
    | a | b |
    |---|---|
    | 1 | – |
    """
    lines = [head, ["---"] * len(head), *([cell(value) for value in row] for row in rows)]
    return "\n".join(_line(line) for line in lines)


def _line(cells: Sequence[str]) -> str:
    return "|---" * len(cells) + "|" if set(cells) == {"---"} else f"| {' | '.join(cells)} |"


def cell(value: Any) -> str:
    """A figure as a table shows it; – for none."""
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
            " / ".join(cell(one["false_alarms_per_million"][share]) for share in shares),
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
            *(f"{cell(one[count]['power'])} / {cell(one[count]['delay'])}" for count in ("1", "10", "100")),
        ]
        for name, one in result["shifts"].items()
    ]
    still = [
        [
            kind,
            count,
            f"{one['rows']:,}",
            one["declared_per_million"] * one["rows"] / 1e6,
            one["alarms"],
            one["most_by_chance"],
            one["counted_per_million"],
        ]
        for kind, counts in result["stationary"].items()
        for count, one in counts.items()
    ]
    rules = [[name, *one.values()] for name, one in result["rules_as_written"].items()]
    return "\n\n".join(
        (
            table(["shift", "size", "power / delay of 1", "of 10", "of 100 columns"], shifts),
            table(
                [
                    "columns without drift",
                    "number",
                    "rows",
                    "alarms declared",
                    "counted",
                    "19 of 20 times at most",
                    "counted per 1M",
                ],
                still,
            ),
            _embedded_table(result.get("embedded", {})),
            table(["rule as written", "false alarms a check", "power on the mean"], rules),
        )
    )


def _embedded_table(result: Mapping[str, Any]) -> str:
    """Of texts and vectors: how soon another mix of topics is found, and alarms without one."""
    rows = [
        [
            kind, one["runs"], one["power"], one["delay"], f"{one['stationary']['rows']:,}",
            one["stationary"]["declared_per_million"] * one["stationary"]["rows"] / 1e6,
            one["stationary"]["alarms"], one["stationary"]["most_by_chance"],
        ]
        for kind, one in result.items()
    ]  # fmt: skip
    heads = ["a topic from 0.2 to 0.5 of the rows", "runs", "found within 2,000 rows", "mean delay in rows"]
    still = ["rows without a shift", "alarms declared", "counted", "19 of 20 times at most"]
    return table([*heads, *still], rows)


def budget_table(result: Mapping[str, Any]) -> str:
    """Rules by quiet stretch, and what a lower rate of false alarms costs."""
    names = ["power", "delay", "false_alarms_per_million_before", "false_alarms_per_million_after"]
    rules = [
        [name, f"{int(quiet):,}", *(one[field] for field in names)]
        for name, of in result["rules"].items()
        for quiet, one in of.items()
    ]
    rates = [
        [rate, *one["delay"].values(), one["missed"], one["counted_per_million"]]
        for rate, one in result["rates"].items()
    ]
    rises = next(iter(result["rates"].values()))["delay"]
    return "\n\n".join(
        (
            table(["rule", "quiet rows", "power", "delay", "false alarms per 1M before", "and after the shift"], rules),
            table(["declared per row", *rises, "missed", "counted per 1M"], rates),
        )
    )


def own_table(result: Mapping[str, Any]) -> str:
    """Every detector on a user's stream."""
    rows = [
        [name, ", ".join(cell(delay) for delay in one["delays"]), one["false_alarms"], one["repeated_alarms"]]
        for name, one in result["detectors"].items()
    ]
    return table(["detector", "delays", "false alarms", "repeats"], rows)


def flat_table(result: Mapping[str, Any]) -> str:
    """Names and figures."""
    return table(["figure", "value"], [[name, value] for name, value in result.items() if not isinstance(value, dict)])
