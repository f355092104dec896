"""`python -m tests.cluster.table [REPORT…]`: adds reports to the measured ones and writes the documentation's table.

The measured reports are in `docs/measurements/cluster.json`, one a run, as `python -m tests.cluster` wrote them. Runs
of the same line are added up.
"""

import sys
from collections.abc import Sequence

from tests.kept_reports import KeptReports, Report

_LINES = {
    "restarts": "brokers killed and restarted one by one, partitions moved, leaders elected",
    "split": "a broker cut off from the others, or from all",
    "split-clients": "clients cut off from a broker that goes on to lead",
    "min-isr": "two of three brokers down at once",
    "controller": "the controller killed, or cut off",
    "transaction-coordinator": "the coordinator of transactions stopped, leaders elected back",
    "group-coordinator": "the coordinator of a group stopped, leaders elected back",
    "unclean-election": "a follower that lacks records is elected",
}
_SUMS = ("faults", "acknowledged", "labelled", "archived", "lost", "doubled", "needed_a_hand")
_LONGEST = ("slowest_recovery_seconds", "longest_stall_seconds")


def table(reports: Sequence[Report]) -> str:
    """The table in Markdown; one row for each line that was measured, and their sum."""
    lines = [
        "| what | faults | inputs | labelled | in the table | lost | doubled | by hand | slowest recovery | stall |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    known = [(words, [report for report in reports if report["line"] == line]) for line, words in _LINES.items()]
    for words, runs in [*known, ("**sum**", list(reports))]:
        if runs:
            sums = [f"{sum(run[name] for run in runs):,}" for name in _SUMS]
            longest = [f"{max(run[name] for run in runs):g} s" for name in _LONGEST]
            lines.append("| " + " | ".join([words, *sums, *longest]) + " |")
    return "\n".join(lines) + "\n"


KEPT = KeptReports("cluster", table)

if __name__ == "__main__":
    KEPT.add(sys.argv[1:])
