"""One run: a stream is played through a loop whose services are replaced, and what came of it is counted."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from deltalake import DeltaTable
from pyarrow.parquet import read_table
from tests.chaos.cases.ingestion import rows_of
from tests.chaos.witness import read_all
from tests.flip_stream import DRIFT_ROW, ROWS, TRAIN_ROWS, write_flip
from tests.upgrade.releases import Release
from tests.upgrade.services import Services

from driftloop.contracts.message import ControlMessage
from driftloop.contracts.topics import DEAD_LETTERS, OUTCOME_FRAMES
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.home import Home
from driftloop.tools.local.programs import SERVICES
from driftloop.tools.replay.options import LOCKSTEP, ReplayOptions
from driftloop.tools.replay.player import Pace, Player
from driftloop.tools.replay.recording import Recording, open_recording
from driftloop.tools.replay.result import replay_result, result_json
from driftloop.tools.replay.stream import row_id
from driftloop.tools.replay.wire import KafkaWire
from driftloop.tools.verify.comparison import verify
from driftloop.tools.verify.recorded import open_recorded

MODEL = "flip"
BLOCK = 50
_LABEL_DELAY = 60
_BY_THE_CLOCK = ("training_seconds", "wall_seconds")
_HASHES = ("spec_sha256", "state_sha256")
_TROUBLE = ("a table row was not taken as it stands", "read anew", "stopped by an error", "a message was buried")


@dataclass(slots=True)
class Report:
    """What a run found. `said`: what the loop decided, to be compared with another run's.

    `without_hashes`: the first decision that a release from before hashes made after a later one; no other difference
    of decisions would be named behind it, so that `said` must be compared.
    """

    run: str
    pace: str
    replaced: int = 0
    slowest_replacement_seconds: float = 0.0
    rows: int = 0
    lost: int = 0
    doubled: int = 0
    archive_lost: int = 0
    archive_doubled: int = 0
    dead_letters: int = 0
    signals: int = 0
    decisions: int = 0
    promotions: int = 0
    verified: int = 0
    differences: list[str] = field(default_factory=list)
    without_hashes: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    hours_of_event_time: float = 0.0
    wall_seconds: float = 0.0
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Nothing lost, doubled, buried, decided otherwise than the log says, and every process ended as asked."""
        counts = self.lost + self.doubled + self.archive_lost + self.archive_doubled + self.dead_letters
        return not (counts or self.differences or self.trouble or any(self.exits))

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return {name: getattr(self, name) for name in self.__slots__}


Said = Callable[[str], None]
Plan = Mapping[int, Sequence[tuple[str, Release]]]
"""Row (a block's end) → services to be replaced there, each by which release."""


def rolling(old: Release, new: Release, seed: int) -> Plan:
    """Every service to the new release, all back, and all to the new one again, two blocks apart, in three orders."""
    random, row, plan = Random(seed), TRAIN_ROWS + BLOCK, {}
    for release in (new, old, new):
        for name in random.sample(list(SERVICES), len(SERVICES)):
            plan[row] = [(name, release)]
            row += BLOCK if release is not new or row > DRIFT_ROW else 2 * BLOCK
    return {min(at, ROWS): what for at, what in plan.items()}


class _Audience:
    """Replaces services where the plan says so, and sends commands of either release in between.

    In lockstep the stream waits for each. Otherwise it goes on meanwhile: one after the other, in the plan's order, and
    perhaps behind it.
    """

    def __init__(
        self,
        services: Services,
        plan: Plan,
        commands: Mapping[int, Callable[[], None]],
        report: Report,
        said: Callable[[str], None],
        worker: ThreadPoolExecutor,
    ) -> None:
        self._services, self._plan, self._commands = services, plan, commands
        self._report, self._said = report, said
        self._worker, self._under_way = worker, list[Future[None]]()

    def stage(self, sentence: str) -> None:
        self._said(sentence)

    def message(self, message: ControlMessage) -> None:
        """Not looked at here."""

    def block(self, rows: slice, version: str, loss: float, frozen_loss: float) -> None:
        if rows.stop in self._commands:
            self._do(self._commands[rows.stop])
        for name, release in self._plan.get(rows.stop, ()):
            self._do(partial(self._replace, rows.stop, name, release))

    def finish(self) -> None:
        """Return when all of it is done; raises what went wrong on the way."""
        for future in self._under_way:
            future.result()

    def _do(self, what: Callable[[], None]) -> None:
        self._under_way.append(self._worker.submit(what))
        if self._report.pace == LOCKSTEP:
            self._under_way[-1].result()

    def _replace(self, row: int, name: str, release: Release) -> None:
        took = self._services.replace(name, release)
        self._report.replaced += 1
        self._report.slowest_replacement_seconds = max(self._report.slowest_replacement_seconds, took)
        self._said(f"row {row}: {name} is {release.name} after {took} s")


def play(
    name: str,
    first: Release,
    new: Release,
    plan: Plan,
    commands: Sequence[Release],
    *,
    pace: str,
    said: Callable[[str], None],
) -> Report:
    """Play the stream through a loop that begins as `first`. Raises UserError where a service ends by itself."""
    report, began = Report(name, pace), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="driftloop-upgrade-") as scratch, embedded_broker() as broker:
        folder = Path(scratch)
        kafka, home = KafkaSettings(bootstrap_servers=broker.bootstrap_servers), Home(folder / "home")
        first.command("topics", "apply", "--partitions", "1", "--bootstrap-servers", kafka.bootstrap_servers)
        services = Services(home, kafka, {})
        recording = open_recording(_options(write_flip(folder / "flip.csv"), pace))
        with ThreadPoolExecutor(1) as worker, services.all_of(first):  # a process ends with the thread that started it
            if plan:
                said(new.command("topics", "apply", "--bootstrap-servers", kafka.bootstrap_servers).strip()[-300:])
            audience = _Audience(services, plan, _commands(commands, kafka), report, said, worker)
            report.said = _played(recording, kafka, services, audience, pace, broker)
            new.command(
                "topics", "apply", "--bootstrap-servers", kafka.bootstrap_servers
            )  # verify reads all of today's
            _count(report, kafka, home, recording)
        report.exits = services.exits
        report.trouble = [line[:400] for line in services.logs().splitlines() if any(t in line for t in _TROUBLE)][:20]
    report.wall_seconds = round(time.monotonic() - began, 1)
    return report


def _played(
    recording: Recording, kafka: KafkaSettings, services: Services, audience: _Audience, pace: str, broker: Broker
) -> dict[str, Any]:
    began = time.monotonic()
    rate = None if pace in (LOCKSTEP, "max") else float(pace)
    with KafkaWire(recording.spec.model_id, kafka, services.check, audience.message) as wire:
        played = Player(recording, wire, Pace(pace, rate, _LABEL_DELAY), audience).play()
        audience.finish()
        wire.settle()
    said = result_json(replay_result(recording, played, broker, time.monotonic() - began))
    return {field: value for field, value in said.items() if field not in _BY_THE_CLOCK}


def _options(file: Path, pace: str) -> ReplayOptions:
    return ReplayOptions(
        file=file,
        target="target",
        train_rows=TRAIN_ROWS,
        block_rows=BLOCK,
        label_delay_rows=_LABEL_DELAY,
        pace=pace,
        model_id=MODEL,
    )


def _commands(releases: Sequence[Release], kafka: KafkaSettings) -> dict[int, Callable[[], None]]:
    """A model is frozen and released again, early and late: by the first release that is named, then by the second."""

    def ask(release: Release) -> None:
        for what in ("freeze", "unfreeze"):
            release.command(
                what,
                MODEL,
                "--reason",
                "an upgrade is tried",
                "--wait",
                "30",
                "--bootstrap-servers",
                kafka.bootstrap_servers,
            )

    return {row: (lambda release=release: ask(release)) for row, release in zip((600, 1300), releases, strict=True)}


def _count(report: Report, kafka: KafkaSettings, home: Home, recording: Recording) -> None:
    """Rows that went in against rows that came out, of the log and of the table, and the log against the rules."""
    report.rows = ROWS
    report.hours_of_event_time = round(
        (recording.time.at(ROWS) - recording.time.at(TRAIN_ROWS)).total_seconds() / 3600, 1
    )
    expected = Counter(row_id(row) for row in range(ROWS))
    rows = [row for record in read_all(kafka.bootstrap_servers, [OUTCOME_FRAMES]) for row in rows_of(record)]
    there = Counter(row["prediction_id"] for row in rows if row["event"] != "label")
    report.lost, report.doubled = sum((expected - there).values()), sum((there - expected).values())
    files = DeltaTable(str(home.lake)).file_uris()
    archived = Counter(name for file in files for name in read_table(file)["prediction_id"].to_pylist())
    report.archive_lost, report.archive_doubled = (
        sum((expected - archived).values()),
        sum((archived - expected).values()),
    )
    report.dead_letters = len(read_all(kafka.bootstrap_servers, [DEAD_LETTERS]))
    report.signals, report.decisions = len(report.said["signals"]), len(report.said["decisions"])
    report.promotions = report.said["promotions"]
    found = verify(open_recorded(kafka))
    report.verified = found.compared
    for one in found.differences:
        (report.without_hashes if one.field in _HASHES else report.differences).append(one.sentence)
