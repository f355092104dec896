"""`python -m tests.chaos --faults N --service NAME --out FILE [--control]`: kill services and count.

NAME is a service or role, several with commas between them (at the same time, on one broker), or `all`
(one after the other); or a kind of fault that `--on` a service (outcome_ingestion) suffers:
`broker` (its broker is killed and restarted, connections are reset, answers are late), `rebalance`
(1 → 4 → 1 → 3 replicas) and `stop` (SIGTERM). Ends with 1 where anything was lost, doubled, out of
order or wrong, or where the run proves nothing (no aborted records, or a control that finds no doubles).
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.chaos.broker_faults import run_broker_faults
from tests.chaos.cases import catalogue
from tests.chaos.membership import run_rebalances, run_stops
from tests.chaos.run import SESSION, run
from tests.chaos.verdict import Verdict

from driftloop.errors import UserError
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.settings import KafkaSettings

KINDS = ("broker", "rebalance", "stop")


def main() -> int:
    chosen = _arguments()
    verdicts: list[Verdict] = []
    for names in [[name] for name in catalogue.CASES] if chosen.service == "all" else [chosen.service.split(",")]:
        verdicts += [_broker(chosen)] if names == ["broker"] else _with_broker(names, chosen)
    report = [verdict.as_json() for verdict in verdicts]
    chosen.out.write_text(json.dumps(report[0] if len(report) == 1 else report, indent=2) + "\n")
    return 0 if all(verdict.proves for verdict in verdicts) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=10)
    names = ("all", *catalogue.CASES, *KINDS)
    parser.add_argument("--service", default="all", metavar="NAME", help=", ".join(names))
    parser.add_argument("--on", default="outcome_ingestion", choices=catalogue.CASES, metavar="NAME")
    parser.add_argument("--protocol", default="consumer", choices=["consumer", "classic"], help="of the group")
    parser.add_argument("--out", type=Path, default=Path("chaos.json"))
    parser.add_argument("--control", action="store_true", help="transactions off: must find doubles")
    parser.add_argument("--seconds", type=float, default=math.inf, help="no more faults after so long")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to leave the evidence of a loss")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.service.split(",") if name not in names]:
        parser.error(f"no such service: {unknown[0]} (there are {', '.join(names)})")
    return chosen


def _broker(chosen: argparse.Namespace) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="driftloop-kafka-") as folder:
        case = catalogue.CASES[chosen.on]()
        return _told(
            run_broker_faults(
                case,
                Path(folder),
                faults=chosen.faults,
                seed=chosen.seed,
                seconds=chosen.seconds,
                said=_say,
                keep_in=chosen.keep,
            )
        )


def _with_broker(names: Sequence[str], chosen: argparse.Namespace) -> list[Verdict]:
    """Each in a world of its own: topics, groups and transactional ids have its name before them."""
    with embedded_broker(overrides=SESSION) as broker, ThreadPoolExecutor(len(names)) as pool:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, group_protocol=chosen.protocol)
        worlds = [kafka.model_copy(update={"topic_prefix": f"{name}."}) for name in names]
        return list(pool.map(partial(_run, chosen=chosen, alive=partial(still_there, broker)), names, worlds))


def _run(name: str, kafka: KafkaSettings, *, chosen: argparse.Namespace, alive: Callable[[], None]) -> Verdict:
    case = catalogue.CASES[chosen.on if name in KINDS else name]()
    seed, kept = chosen.seed, chosen.keep and chosen.keep / name
    limits = {"faults": chosen.faults, "seconds": chosen.seconds, "alive": alive, "keep_in": kept}
    if name == "rebalance":
        return _told(run_rebalances(case, kafka, **limits, said=_say))
    if name == "stop":
        return _told(run_stops(case, kafka, **limits, seed=seed, said=_say))
    return _told(run(case, kafka, **limits, control=chosen.control, seed=seed))


def _told(verdict: Verdict) -> Verdict:
    print(json.dumps(verdict.as_json()), flush=True)  # noqa: T201
    return verdict


def still_there(broker: Broker) -> None:
    """Raise, with its last words, where the broker has ended."""
    if (obituary := broker.obituary()) is not None:
        raise UserError(obituary)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
