"""`python -m tests.chaos.table [REPORT…]`: adds reports to the measured ones and writes the table of the documentation.

The measured reports are in `docs/measurements/chaos.json`, one a run, as `python -m tests.chaos` wrote them.
Runs of the same service are added up, those with a broker's faults for each version of Kafka.
"""

import sys
from collections.abc import Iterable, Sequence

from tests.kept_reports import KeptReports, Report

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
        of_service = [report for report in reports if report["service"] == service and not report["control"]]
        for version in sorted({_version(report) for report in of_service}):
            runs = [report for report in of_service if _version(report) == version]
            control = sum(r["doubled"] for r in reports if r["service"] == service and r["control"])
            sums = [sum(run[name] for run in runs) for name in _SUMS]
            cells = [
                words + version + _longest(runs),
                *(f"{number:,}" for number in sums),
                f"{control:,}" if control else "",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _version(report: Report) -> str:
    """Of Kafka, where its own faults are tested; before reports said it, it was 4.3.0."""
    return f", Kafka {report.get('kafka', '4.3.0')}" if report["service"] == "broker" else ""


def _longest(runs: Iterable[Report]) -> str:
    """What else was measured: the slowest recovery, or the slowest end."""
    words = {"max_seconds": "settled or caught up after at most {:g} s", "max_stop_seconds": "ended within {:g} s"}
    found = [words[name].format(max(run[name] for run in runs)) for name in words if all(name in run for run in runs)]
    return f" ({', '.join(found)})" if found else ""


KEPT = KeptReports("chaos", table)

if __name__ == "__main__":
    KEPT.add(sys.argv[1:])
