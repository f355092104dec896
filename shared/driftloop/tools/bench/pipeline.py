"""Latency of the data path on the real broker: from an event's publication to its frame and to the status about it.

In one run: the ceiling of ingestion over a topic that was filled first, then ingestion and detection
beside a steady load at shares of that ceiling. What reads is an independent,
read_committed reader on the same machine, so that a row's age is the difference of two looks at one clock.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from driftloop.clock import system_now
from driftloop.contracts.topics import MODEL_PROFILES
from driftloop.errors import UserError
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.bench import steady_load
from driftloop.tools.bench.flow_watch import FlowWatch
from driftloop.tools.bench.ingest import fill, measure
from driftloop.tools.bench.ingest_rows import encode, make_rows, profile_record
from driftloop.tools.bench.measured_service import MeasuredService

Say = Callable[[str], None]
INGESTION, DETECTION = ("outcome_ingestion", "--role", "ingest"), ("drift_detection",)
_PATIENCE_S, _WARM_UP_S = 120.0, 3.0
_PROFILE_ROWS = 5_000


class Services(NamedTuple):
    """What runs while a load is on."""

    ingestion: MeasuredService
    detection: MeasuredService

    def check(self) -> None:
        """Raise a UserError where one has ended."""
        self.ingestion.check()
        self.detection.check()


def bench_pipeline(rows: int, shares: Sequence[float], seconds: float, say: Say) -> dict[str, Any]:
    """The ceiling over `rows` events, then latencies in ms by share of ingestion's ceiling, `seconds` each.

    Raises UserError where a service ends or does not keep up for two minutes.
    """
    with embedded_broker() as broker, tempfile.TemporaryDirectory() as name:
        kafka, folder = KafkaSettings(bootstrap_servers=broker.bootstrap_servers), Path(name)
        say(f"the ceiling, over {rows} events")
        ceiling = measure_ceiling(kafka, rows, folder)
        with (
            FlowWatch(kafka) as watch,
            MeasuredService(DETECTION, kafka, folder) as detection,
            MeasuredService(INGESTION, kafka, folder) as ingestion,
        ):
            services = Services(ingestion, detection)
            await_ready(watch, services, rows)
            by_share = {}
            for share in shares:
                rate = share * ceiling["rows_per_second"]
                say(f"{share:.0%} of the ceiling: {rate:,.0f} events a second for {seconds:g} s")
                by_share[f"{share:g}"] = under_load(kafka, services, watch, rate, seconds)
    return {
        "rows": rows,
        "seconds": seconds,
        "ceiling": ceiling,
        "shares": by_share,
    }


def measure_ceiling(kafka: KafkaSettings, rows: int, folder: Path) -> dict[str, int]:
    """Rows per second and per CPU-second of ingestion over a topic that is filled first."""
    made = make_rows(max(rows, _PROFILE_ROWS))
    fill(kafka, encode(made[:rows], "json"))
    profile, sender = profile_record(made[:_PROFILE_ROWS]), Sender(kafka)
    sender.send(MODEL_PROFILES, profile.key(), profile.value())
    sender.close(60)
    found = measure(kafka, rows, folder)
    return {
        "rows_per_second": round(found.rows_per_second),
        "rows_per_cpu_second": round(found.rows_per_cpu_second),
    }


def await_ready(watch: FlowWatch, services: Services, rows: int) -> None:
    """Until detection has judged what was there before any load: both services have joined by then."""
    _await(lambda: watch.judged_rows >= rows, watch, services.check, f"detection did not judge {rows} rows")


def _await(done: Callable[[], bool], watch: FlowWatch, check: Callable[[], None], failed: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not done():
        check()
        watch.look(0.02)
        if time.monotonic() > deadline:
            raise UserError(f"{failed} in {_PATIENCE_S:.0f} s")


def under_load(
    kafka: KafkaSettings, services: Services, watch: FlowWatch, rate: float, seconds: float
) -> dict[str, Any]:
    """Latencies and rows per CPU-second beside `rate` events a second.

    The load is on until `seconds` have been measured: the clock starts with its first frame, and the first
    seconds behind that warm up and do not count.
    """
    before = watch.framed_rows
    with steady(kafka, rate) as load:
        _await(lambda: watch.framed_rows > before, watch, services.check, "no event of the load was framed")
        watch.measure_from(system_now() + timedelta(seconds=_WARM_UP_S))
        _look_on(watch, services, time.monotonic() + _WARM_UP_S)
        started, first = time.monotonic(), _taken(services, watch)
        _look_on(watch, services, started + seconds)
        wall, last = time.monotonic() - started, _taken(services, watch)
        sent = load.stop(watch, services.check)
    wanted = before + int(sent["sent"])
    _await(lambda: watch.judged_rows >= wanted, watch, services.check, "the services did not keep up with the load")
    framed, judged, ingestion, detection = (new - old for new, old in zip(last, first, strict=True))
    return {
        "asked_rows_per_second": round(rate),
        "sent_rows_per_second": round(sent["sent"] / sent["seconds"]),
        "rows_per_second": round(framed / wall),
        "timed_rows": watch.to_status.rows,
        "publish_to_frame_ms": watch.to_frame.milliseconds(),
        "publish_to_status_ms": watch.to_status.milliseconds(),
        "ingestion_rows_per_cpu_second": round(framed / ingestion),
        "detection_rows_per_cpu_second": round(judged / detection),
        "late_sender_ms": sent["latest_turn_ms"],
        "load_average": round(os.getloadavg()[0], 2),
    }


def _look_on(watch: FlowWatch, services: Services, until: float) -> None:
    while time.monotonic() < until:
        services.check()
        watch.look(0.02)


def _taken(services: Services, watch: FlowWatch) -> tuple[float, ...]:
    return watch.framed_rows, watch.judged_rows, services.ingestion.cpu_seconds, services.detection.cpu_seconds


class Load:
    """A sender's process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._process.poll() is None

    def stop(self, watch: FlowWatch, check: Callable[[], None]) -> dict[str, float]:
        """What it sent, once it is done; the watch goes on reading meanwhile.

        Raises UserError where it failed; `check` may raise what ended the wait.
        """
        if self._process.stdin is not None:
            self._process.stdin.close()
            self._process.stdin = None  # else communicate() flushes what is closed
        while self.running:
            check()
            watch.look(0.02)
        said, complaint = self._process.communicate()
        if self._process.returncode:
            raise UserError(f"the load failed: {complaint[-300:]}")
        found: dict[str, float] = json.loads(said)
        return found


@contextmanager
def steady(kafka: KafkaSettings, rate: float) -> Any:
    """A load of that many events a second in a process of its own, with ids that no earlier load had."""
    run = f"load-{time.monotonic_ns() // 1_000_000 % 10**9:09d}"
    process = subprocess.Popen(
        [sys.executable, "-m", steady_load.__name__, kafka.bootstrap_servers, str(rate), run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Load(process)
    finally:
        process.kill()
        process.wait()


def pipeline_table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    most = result["ceiling"]
    lines = [
        f"ingestion takes {most['rows_per_second']:,} rows/s, {most['rows_per_cpu_second']:,} rows per CPU-second",
        (
            f"{'share':>6} {'rows/s':>9} {'to frame p50':>13} {'p99 ms':>8} {'to status p50':>14} {'p99 ms':>8} "
            f"{'ingestion/CPU-s':>16} {'detection/CPU-s':>16} {'load':>5}"
        ),
    ]
    for share, one in result["shares"].items():
        frame, status = one["publish_to_frame_ms"], one["publish_to_status_ms"]
        lines.append(
            f"{float(share):6.0%} {one['rows_per_second']:9,} {frame['p50']:13,.1f} {frame['p99']:8,.1f} "
            f"{status['p50']:14,.1f} {status['p99']:8,.1f} {one['ingestion_rows_per_cpu_second']:16,} "
            f"{one['detection_rows_per_cpu_second']:16,} {one['load_average']:5.1f}"
        )
    return "\n".join(lines)
