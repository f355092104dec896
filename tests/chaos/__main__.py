"""`python -m tests.chaos --faults N --service NAME --out FILE [--control]`: kill services and count.

Ends with 1 where anything was lost, doubled, out of order or wrong, or where the run proves nothing
(no aborted records, or a control that finds no doubles).
"""

import argparse
import json
import sys
from pathlib import Path

from tests.chaos.cases import catalogue
from tests.chaos.run import SESSION, run

from driftloop.kafka.embedded import embedded_broker
from driftloop.kafka.settings import KafkaSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=10)
    parser.add_argument("--service", default="all", help=f"all, or one of {', '.join(catalogue.CASES)}")
    parser.add_argument("--out", type=Path, default=Path("chaos.json"))
    parser.add_argument("--control", action="store_true", help="transactions off: must find doubles")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    names = list(catalogue.CASES) if chosen.service == "all" else [chosen.service]
    if unknown := [name for name in names if name not in catalogue.CASES]:
        parser.error(f"no such service: {unknown[0]} (there are {', '.join(catalogue.CASES)})")
    verdicts, proven = [], []
    for name in names:
        with embedded_broker(overrides=SESSION) as broker:
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
            case = catalogue.CASES[name]()
            verdicts.append(run(case, kafka, faults=chosen.faults, control=chosen.control, seed=chosen.seed))
        proven.append(verdicts[-1].proves(writes_records=bool(case.outputs)))
        print(json.dumps(verdicts[-1].as_json()), flush=True)  # noqa: T201
    report = [verdict.as_json() for verdict in verdicts]
    chosen.out.write_text(json.dumps(report[0] if len(report) == 1 else report, indent=2) + "\n")
    return 0 if all(proven) else 1


if __name__ == "__main__":
    sys.exit(main())
