"""The tables of figures in the documentation: made from the committed results, never typed."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from driftloop.errors import UserError
from driftloop.tools.bench.proof import proof_table
from driftloop.tools.bench.scale.report import scale_table
from driftloop.tools.bench.tables import cell, table
from driftloop.tools.bench.versus import versus_table

RESULTS = Path(__file__).parent / "results"
"""What `driftloop bench NAME --json` wrote last: one file for each table, or a folder whose files make it together."""

_MARKED = re.compile(r"(<!-- bench (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Result = Mapping[str, Any]


def with_tables(text: str, results: Path = RESULTS) -> str:
    """The text with a fresh table between `<!-- bench NAME -->` and `<!-- end -->`, for each NAME in it.

    Raises UserError for a name without a table or without a committed result.
    """

    def fresh(found: re.Match[str]) -> str:
        return f"{found[1]}\n{_table(found[2], results)}\n\n{found[3]}"

    return _MARKED.sub(fresh, text)


def _table(name: str, results: Path) -> str:
    result = committed(name, results) if name in TABLES else None
    if result is None:
        raise UserError(f"there is no table {name!r}: it needs a maker and {name}.json in {results.name}/")
    return TABLES[name](result)


def committed(name: str, results: Path = RESULTS) -> Result | None:
    """What a benchmark wrote last; None where it wrote nothing."""
    path = results / f"{name}.json"
    if parts := sorted((results / name).glob("*.json")):
        return _joined([json.loads(part.read_text(encoding="utf-8")) for part in parts])
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _joined(parts: Sequence[dict[str, Any]]) -> Result:
    """Results that were measured apart, their cases (or axes) together."""
    of = "axes" if "axes" in parts[0] else "cases"
    return {**parts[0], of: {name: one for part in parts for name, one in part[of].items()}}


def detectors(result: Result) -> str:
    """Delay, misses and false alarms on made and on recorded streams."""
    entries, real = result["detectors"], result["real"]
    head = [
        "detector", ".1→.3", ".1→.2", ".1→.15", "missed", "false alarms per 1M rows at .02 / .1 / .3",
        "five recorded drifts: median delay, false alarms",
    ]  # fmt: skip
    rows = [
        [
            f"**{name}**" if name == result["default"] else name,
            *(one["delay"][rise] for rise in ("0.1->0.3", "0.1->0.2", "0.1->0.15")),
            f"{sum(one['missed'].values()) / (len(one['missed']) * one['seeds']):.0%}",
            " / ".join(cell(rate) for rate in one["false_alarms_per_million"].values()),
            _recorded(real.get(name)),
        ]
        for name, one in entries.items()
    ]
    return table(head, rows)


def _recorded(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "–"
    known = sorted(delay if delay is not None else float("inf") for delay in one["delays"])
    median = known[len(known) // 2]
    return f"{'not found' if median == float('inf') else cell(median)}, {one['false_alarms']}"


def windows(result: Result) -> str:
    """Power on each kind of shift, and false alarms beside the budget, with 100 columns."""
    shifts = [
        [
            f"shift of {name}",
            f"found in {one['100']['power']:.1%} of {one['100']['runs']} runs, after {one['100']['delay']:,.0f} rows",
        ]
        for name, one in result["shifts"].items()
    ]
    still = [
        [
            f"no drift, {kind}",
            f"{one['100']['alarms']} false alarms in {one['100']['rows']:,} rows, {_declared(one['100']):.0f} declared",
        ]
        for kind, one in result["stationary"].items()
    ]
    rules = [
        [f"{name} as written", f"false alarm at {one['false_alarms_a_check']:.0%} of checks"]
        for name, one in result["rules_as_written"].items()
    ]
    embedded = [
        row
        for kind, one in result.get("embedded", {}).items()
        for row in (
            [
                f"a {kind} whose topics shift (one from 0.2 to 0.5)",
                (
                    f"found in {one['power']:.0%} of {one['runs']} runs within {one['within_rows']:,} rows, "
                    f"after {one['delay']:,.0f}"
                ),
            ],
            [
                f"no drift, {kind}",
                (
                    f"{one['stationary']['alarms']} false alarms in {one['stationary']['rows']:,} rows, "
                    f"{_declared(one['stationary']):.0f} declared"
                ),
            ],
        )
    ]
    return table(["100 columns, one of them shifted", "within 10,000 rows"], [*shifts, *still, *embedded, *rules])


def _declared(one: Mapping[str, Any]) -> float:
    return float(one["declared_per_million"] * one["rows"] / 1e6)


def speed(result: Result) -> str:
    """Rows per second and milliseconds, on one core."""
    millions, thousands = result["error_detector_rows_per_second"] / 1e6, result["core_rows_per_second"] / 1e3
    adwin, scipy, large = (result[f"ratio_to_{name}"] for name in ("river_adwin", "scipy", "scipy_10000x100"))
    rows = [
        ["error detector", f"{millions:.1f} M rows/s, {adwin:.1f} × river's ADWIN"],
        ["report of 1,000 rows × 10 columns", f"{result['report_1000x10_ms']:.2f} ms, {scipy:.1f} × scipy's KS alone"],
        ["report of 10,000 rows × 100 columns", f"{result['report_10000x100_ms']:.0f} ms, {large:.1f} × scipy's"],
        ["all of detection, 10 features, 3 segments", f"{thousands:,.0f} k rows/s"],
        ["state of that model, as it is kept", f"{result['snapshot_bytes_10_features'] / 1024:.0f} KB"],
    ]
    return table(["on one core", ""], rows)


def ingest(result: Result) -> str:
    """Rows per CPU-second of the service by encoding, beside the loops that ran on the same records."""
    words = {
        "json": "JSON, one row a record",
        "columns": "columnar JSON, 500 rows",
        "arrow": "Arrow, 500 rows",
        "avro": "Avro, one row a record",
    }
    head = [
        "the service, exactly-once on",
        "rows per CPU-second",
        "× `json.loads` alone",
        "× a Faust agent",
        "× Quix Streams",
        "peak memory",
    ]
    rows = [
        [
            words[name],
            f"{one['rows_per_cpu_second'] / 1e3:,.0f} k",
            f"{one['ratio_to_bare']:.1f}",
            *(_ratio(one.get(f"ratio_to_{peer}")) for peer in ("faust", "quix")),
            f"{one['peak_rss_mb']:,} MB",
        ]
        for name, one in result["encodings"].items()
    ]
    return table(head, rows)


def pipeline(result: Result) -> str:
    """What an outcome waits for, beside a load and on its way through the loop."""
    answers = result["answers"]
    loads = [
        row
        for share, one in result["shares"].items()
        for row in (
            [f"published to frame, {float(share):.0%} of the ceiling", *_waits(one["publish_to_frame_ms"])],
            [f"published to status, {float(share):.0%} of the ceiling", *_waits(one["publish_to_status_ms"])],
        )
    ]
    ways = [
        [f"wrong outcomes to their drift signal, {answers['models']} models", *_waits(answers["outcome_to_signal_ms"])],
        [f"100 outcomes to the version that learnt them, {answers['runs']} runs",
         *_waits(answers["outcome_to_promoted_ms"])],
        ["of it the training run", *_waits(answers["training_ms"])],
    ]  # fmt: skip
    head = f"from … to …, the ceiling being {result['ceiling']['rows_per_second']:,} rows/s"
    return table([head, "p50", "p99", "highest"], [*loads, *ways])


def _waits(one: Mapping[str, float]) -> list[str]:
    return [f"{one[name]:,.0f} ms" for name in ("p50", "p99", "highest")]


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


TABLES: Mapping[str, Callable[[Result], str]] = {
    "detectors": detectors,
    "windows": windows,
    "speed": speed,
    "ingest": ingest,
    "pipeline": pipeline,
    "proof": proof_table,
    "versus": versus_table,
    "scale": scale_table,
}
