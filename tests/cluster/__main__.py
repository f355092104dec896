"""`python -m tests.cluster [LINE] [--short] --json FILE`: three brokers, driftloop's services, faults, and the count.

`restarts` (the default): two rolling restarts, each broker killed twice, partitions reassigned and leaders elected, all
under load, and then the cases (`--short`: one broker killed, one rolling restart, no cases). The other lines:
`--faults` of one kind, for `--seconds` at most; `unclean-election` is a case alone, of a cluster that loses what it
acknowledged. The report:

    {"line": "restarts", "faults": 10, "acknowledged": 31204, "labelled": 15480, "archived": 15480, "lost": 0,
     "doubled": 0, "slowest_recovery_seconds": 9.0, "longest_stall_seconds": 21.4, "needed_a_hand": 0,
     "cases": {"NAME": true}}

`acknowledged`: inputs that the brokers took; `labelled`: good rows among them with a label; `archived`: rows of the
Delta table, read by pyarrow. `lost`, `doubled`: of what must come out of each service. A recovery lasts from the end of
a fault until all that was fed before is processed (not measured in `restarts`). A stall is the time that a partition
with input was not committed further. `needed_a_hand`: groups that did not get on again by themselves. Ends with 1 where
anything was lost, doubled, needed a hand, stalled for more than 90 s, where a service ended with another code than 0,
3, 6 and 7, or where a case did not end in its sentence; with 2 where the machine cannot hold three brokers.
"""

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from tests.cluster.faults import LINES
from tests.cluster.run import UNCLEAN, Wish, run

from driftloop.errors import ExitCode, UserError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="faults of a cluster of three")
    names = ("restarts", *LINES, UNCLEAN)
    parser.add_argument("line", nargs="?", default="restarts", choices=names, metavar="LINE", help=", ".join(names))
    parser.add_argument("--faults", type=int, default=20, help="of a line other than `restarts`")
    parser.add_argument("--seconds", type=float, default=math.inf, help="no more faults after so long")
    parser.add_argument("--short", action="store_true", help="one broker killed and one rolling restart, no cases")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="where the report goes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave the logs of the services")
    chosen = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="driftloop-cluster-") as folder:
            wish = Wish(chosen.line, chosen.faults, chosen.seconds, chosen.short, chosen.seed)
            report = run(Path(folder), wish, said=_say, keep_in=chosen.keep)
    except UserError as error:
        _say(error.sentence)
        return int(ExitCode.USAGE)
    chosen.json.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    _say(json.dumps(report.as_json()))
    return 0 if report.good else 1


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
