"""`python -m tests.rubbish --messages N --out FILE`: bad messages of every class, one to twenty good ones.

On all three topics that strangers write to, over the real broker and through the real services. Ends
with 1 where a good row is missing or doubled, a bad one is let in, missing among the dead letters or
there twice, or where a service ended, even where nothing but rubbish comes.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.rubbish.run import Plan, only_rubbish, run

from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rubbish", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("rubbish.json"))
    chosen = parser.parse_args()
    with embedded_broker() as broker:
        servers = broker.bootstrap_servers
        report = run(KafkaSettings(bootstrap_servers=servers), Plan(chosen.messages, seed=chosen.seed))
        report["only_rubbish"] = only_rubbish(KafkaSettings(bootstrap_servers=servers, topic_prefix="only-rubbish."))
    chosen.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))  # noqa: T201
    sound = not (report["lost"] or report["doubled"] or report["let_in"] or report["changed"] or report["crashes"])
    return 0 if sound and report["only_rubbish"]["went_on"] else 1


if __name__ == "__main__":
    sys.exit(main())
