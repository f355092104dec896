"""One run: three brokers, all services under load, faults, rest, the count, and the cases."""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from signal import SIGKILL
from threading import Event

from tests.chaos.broker_faults import Recovery
from tests.chaos.case import PARTITIONS
from tests.chaos.run import Feeder, catch_up, send
from tests.chaos.verdict import Verdict
from tests.cluster.brokers import Brokers, three_brokers
from tests.cluster.case import cases, wrong_with
from tests.cluster.faults import LINES, Fault, all_faults, few_faults
from tests.cluster.pipeline import GROUPS, Pipeline
from tests.cluster.stalls import StallWatch
from tests.cluster.unclean import unclean_election
from tests.quiescence import Quiescence

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.topics import apply_topics

LONGEST_STALL_S = 90.0
UNCLEAN = "unclean-election"
_BETWEEN_S, _SHORT_BETWEEN_S = 4.0, 1.5
_AS_SAID = {str(int(code)) for code in (ExitCode.OK, ExitCode.BROKER_AWAY, ExitCode.FENCED, ExitCode.STUCK)}
"""How a service may end when its brokers suffer, to be started again."""
_ALONE_S = 120.0
"""How long services are waited for that do not get on, before somebody lends a hand."""


@dataclass(slots=True)
class Report:
    """See `tests.cluster.__main__`."""

    line: str = "restarts"
    faults: int = 0
    acknowledged: int = 0
    labelled: int = 0
    archived: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    state_errors: int = 0
    slowest_recovery_seconds: float = 0.0
    longest_stall_seconds: float = 0.0
    longest_stall_of: str = ""
    needed_a_hand: int = 0
    exits: dict[str, int] = field(default_factory=dict)
    cases: dict[str, bool] = field(default_factory=dict)
    wall_seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled, disordered or wrong, nobody had to help or to wait for long, and each
        service ended as it may."""
        wrong = self.lost or self.doubled or self.out_of_order or self.state_errors or self.needed_a_hand
        wrong = wrong or set(self.exits) - _AS_SAID
        return not wrong and self.longest_stall_seconds <= LONGEST_STALL_S and all(self.cases.values())

    def as_json(self) -> dict[str, object]:
        """The fields of the report."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be run: a line of faults (none: `restarts`), how many at most, and for how many seconds at most."""

    line: str = "restarts"
    faults: int = 20
    seconds: float = math.inf
    short: bool = False
    seed: int = 1

    def faults_on(self, brokers: Brokers) -> Iterator[Fault]:
        """Those of the line, until there were enough."""
        random = Random(self.seed)
        if self.line == "restarts":
            return (few_faults if self.short else all_faults)(brokers, random)
        return islice(LINES[self.line](brokers, random), self.faults)


def run(
    folder: Path, wish: Wish, *, said: Callable[[str], None] = lambda _: None, keep_in: Path | None = None
) -> Report:
    """Run it in an empty folder. Raises UserError where the machine cannot hold it or a broker does not come up."""
    report, began = Report(wish.line), time.monotonic()
    if wish.line == UNCLEAN:
        return _unclean(folder, report, said)
    with three_brokers(folder.resolve() / "brokers", proxied=wish.line != "restarts") as brokers:
        said(f"three brokers answer after {time.monotonic() - began:.0f} s")
        pipeline = Pipeline(brokers.kafka, folder / "services", short=wish.short)
        pipeline.world.folder.mkdir()
        try:
            _faults(brokers, pipeline, report, wish, said)
        finally:
            if keep_in is not None:
                shutil.copytree(pipeline.world.folder, keep_in, dirs_exist_ok=True)
        said("counting")
        _count(pipeline, report)
        for name, case in ({} if wish.short or wish.line != "restarts" else cases()).items():
            wrong = wrong_with(case, brokers.kafka, f"{name}.")
            said(f"case {name}: {wrong or 'ends as it must'}")
            report.cases[name] = not wrong
    report.wall_seconds = round(time.monotonic() - began, 1)
    return report


def _unclean(folder: Path, report: Report, said: Callable[[str], None]) -> Report:
    """Records are lost here, so nothing is counted: it is the case alone."""
    began = time.monotonic()
    with three_brokers(folder.resolve() / "brokers") as brokers:
        wrong = wrong_with(partial(unclean_election, brokers), brokers.kafka, "unclean.")
        said(f"case {UNCLEAN}: {wrong or 'ends as it must'}")
        report.faults, report.cases = 2, {UNCLEAN: not wrong}
    report.wall_seconds = round(time.monotonic() - began, 1)
    return report


def _faults(brokers: Brokers, pipeline: Pipeline, report: Report, wish: Wish, said: Callable[[str], None]) -> None:
    kafka, pause_s = brokers.kafka, _SHORT_BETWEEN_S if wish.short else _BETWEEN_S
    apply_topics(kafka, partitions=PARTITIONS, replication=3)
    send(kafka, pipeline.prepare())
    watch, stalls = Quiescence(kafka, GROUPS), StallWatch(kafka, GROUPS)
    with pipeline.running():
        watch.wait(120, alive=brokers.alive)
        feeder = Feeder(pipeline.world, pipeline.inputs(), pipeline.rate)
        recovery = Recovery(kafka, GROUPS)
        feeder.start()
        stalls.start()
        end = time.monotonic() + wish.seconds
        Event().wait(pause_s)
        for fault in wish.faults_on(brokers):
            at = time.monotonic()
            fault.inflict()
            report.faults += 1
            said(f"{fault.name}: over after {time.monotonic() - at:.0f} s; {len(pipeline.world.sent)} inputs so far")
            if wish.line != "restarts":
                _recovered(recovery, report, said)
            Event().wait(pause_s)
            if time.monotonic() > end:
                break
        feeder.stop()
        _rest(watch, brokers, pipeline, report, said)
        stalls.stop()
    report.longest_stall_seconds = round(stalls.stalls.longest, 1)
    report.longest_stall_of = stalls.stalls.where
    report.exits = {str(code): count for code, count in sorted(pipeline.exits().items())}


def _recovered(recovery: Recovery, report: Report, said: Callable[[str], None]) -> None:
    """What was fed before a fault's end is processed, and how long that took from there. Waits for a stall at most."""
    began = time.monotonic()
    try:
        recovery.await_(LONGEST_STALL_S)
    except UserError as error:
        said(error.sentence)
    took = round(time.monotonic() - began, 1)
    report.slowest_recovery_seconds = max(report.slowest_recovery_seconds, took)
    said(f"caught up {took} s after it")


def _rest(watch: Quiescence, brokers: Brokers, pipeline: Pipeline, report: Report, said: Callable[[str], None]) -> None:
    """All that was fed is processed. Who does not get there alone is killed, which is the hand that was needed."""
    try:
        catch_up(watch, brokers.alive, _ALONE_S)
    except UserError as error:
        said(f"{error.sentence}\n{pipeline.last_words()}")
        report.needed_a_hand = sum(lag > 0 for lag in watch.lag().values())
        for replica in pipeline.replicas:
            replica.signal(SIGKILL)
        catch_up(watch, brokers.alive, _ALONE_S)


def _count(pipeline: Pipeline, report: Report) -> None:
    verdict = Verdict("cluster", report.faults, control=False)
    pipeline.check(verdict)
    labelled, archived = pipeline.labelled(), pipeline.archived()
    verdict.compare(labelled, archived)
    report.acknowledged, report.labelled, report.archived = len(pipeline.world.sent), len(labelled), len(archived)
    report.lost, report.doubled = verdict.lost, verdict.doubled
    report.out_of_order, report.state_errors = verdict.out_of_order, verdict.state_errors
