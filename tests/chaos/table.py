"""`python -m tests.chaos.table [REPORT…]`: adds reports to the measured ones and writes the table of the documentation.

The measured reports are in `docs/measurements/chaos.json`, one a run, as `python -m tests.chaos` wrote them.
Runs of the same service are added up.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "measurements" / "chaos.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- chaos: begin (python -m tests.chaos.table) -->\n", "<!-- chaos: end -->\n"

Report = Mapping[str, Any]
_SERVICES = {
    "outcome_ingestion": "outcome_ingestion killed or frozen",
    "outcome_archive": "archive role, likewise",
    "drift_detection": "drift_detection, likewise",
    "challenge_scoring": "scoring role, likewise",
    "retrain_coordinator": "retrain_coordinator, likewise",
    "trainer_worker": "trainer_worker, likewise",
    "broker": "broker killed, connections reset, 200 ms delay",
    "rebalance-consumer": "rebalances, 1 → 4 → 1 → 3 replicas (KIP-848)",
    "rebalance-classic": "rebalances, classic protocol",
    "stop-consumer": "SIGTERM (KIP-848)",
    "stop-classic": "SIGTERM, classic protocol",
}
_SUMS = ("faults", "rows", "lost", "doubled", "out_of_order", "state_errors", "aborted_records")


def table(reports: Sequence[Report]) -> str:
    """The table in Markdown; one row for each service that was measured."""
    lines = [
        "| what | faults | inputs | lost | doubled | out of order | state wrong | aborted records | control: doubled |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for service, words in _SERVICES.items():
        runs = [report for report in reports if report["service"] == service and not report["control"]]
        if runs:
            control = sum(r["doubled"] for r in reports if r["service"] == service and r["control"])
            sums = [sum(run[name] for run in runs) for name in _SUMS]
            cells = [words + _longest(runs), *(f"{number:,}" for number in sums), f"{control:,}" if control else ""]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _longest(runs: Iterable[Report]) -> str:
    """What else was measured: the slowest recovery, or the slowest end."""
    words = {"max_seconds": "settled or caught up after at most {:g} s", "max_stop_seconds": "ended within {:g} s"}
    found = [words[name].format(max(run[name] for run in runs)) for name in words if all(name in run for run in runs)]
    return f" ({', '.join(found)})" if found else ""


def in_page(page: str, reports: Sequence[Report]) -> str:
    """The page with the table of these reports."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + table(reports) + END + after


def measured() -> list[Report]:
    """The reports that are kept."""
    return list(json.loads(MEASURED.read_text())) if MEASURED.exists() else []


def main(files: Sequence[str]) -> None:
    reports = measured()
    for file in files:
        found = json.loads(Path(file).read_text())
        reports += found if isinstance(found, list) else [found]
    MEASURED.parent.mkdir(parents=True, exist_ok=True)
    MEASURED.write_text("[\n" + ",\n".join("  " + json.dumps(report) for report in reports) + "\n]\n")
    PAGE.write_text(in_page(PAGE.read_text(), reports))


if __name__ == "__main__":
    main(sys.argv[1:])
