"""`python -m tests.upgrade --old COMMIT --json FILE`: an upgrade and its roll-back, service by service, on one log.

A stream with a drift is played through the six services, three times: all of the earlier release (`old`), all of this
tree (`new`), and `rolling`: all begin as the earlier one, each is replaced by this tree's, all are rolled back one by
one, and replaced again. The report has what was lost and doubled (log and Delta table, each read without driftloop's
code), what `driftloop verify` of this tree finds on the log, and `as_new`, `as_old`: whether the rolling loop gave the
signals, decisions, versions and scores of a loop without an upgrade. In lockstep (the default) those are a function of
the stream; `--pace 12` (rows a second) goes on with the stream while a service is replaced, and then only the log can
be asked. `--runs rolling` leaves the others out. Ends with 1 where anything was lost, doubled, buried or decided
otherwise, with 2 where the history has no such commit.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.upgrade.releases import Release, current, earlier
from tests.upgrade.run import Report, play, rolling

from driftloop.errors import ExitCode, UserError
from driftloop.tools.replay.options import LOCKSTEP

RUNS = ("old", "new", "rolling")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade", description="two releases on one log")
    parser.add_argument("--old", required=True, metavar="COMMIT", help="the earlier release")
    parser.add_argument(
        "--json", type=Path, required=True, metavar="FILE", help="where the report goes; runs are added"
    )
    parser.add_argument("--runs", default=",".join(RUNS), help=f"of {', '.join(RUNS)}")
    parser.add_argument("--pace", default=LOCKSTEP, help="lockstep, max, or rows a second")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which services are replaced")
    chosen = parser.parse_args()
    found = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
    good = True
    try:
        with tempfile.TemporaryDirectory(prefix="driftloop-old-") as folder, earlier(chosen.old, Path(folder)) as old:
            for name in chosen.runs.split(","):
                report = _run(name, old, current(), chosen.pace, chosen.seed)
                good = good and report.good
                found[name] = report.as_json()
                chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    except UserError as error:
        _say(error.sentence)
        return int(ExitCode.USAGE)
    for other in {"old", "new"} & {*found} if "rolling" in found else ():
        found[f"as_{other}"] = found["rolling"]["said"] == found[other]["said"]
    chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    _say(json.dumps({name: _short(one) for name, one in found.items()}, indent=1))
    return 0 if good else 1


def _run(name: str, old: Release, new: Release, pace: str, seed: int) -> Report:
    if name == "rolling":
        return play(name, old, new, rolling(old, new, seed), (new, old), pace=pace, said=_say)
    only = {"old": old, "new": new}[name]
    return play(name, only, new, {}, (only, only), pace=pace, said=_say)


def _short(one: object) -> object:
    return {name: value for name, value in one.items() if name != "said"} if isinstance(one, dict) else one


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
