"""Memory of the services beside a steady load of half of ingestion's ceiling, and with a sink that is too slow.

First the three services (ingestion, detection, archive) run as they ship; their resident memory is
sampled every second and its trend told once they have warmed up. Then the archive is replaced by one
whose sink takes a tenth of the rows that come: what waits must wait on the log, not in the process.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from driftloop.clock import system_now
from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.kafka.clients.offsets import EndOffsets
from driftloop.kafka.embedded.broker import embedded_broker
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.bench import slow_archive
from driftloop.tools.bench.flow_watch import FlowWatch
from driftloop.tools.bench.latencies import slope_an_hour
from driftloop.tools.bench.measured_service import MeasuredService
from driftloop.tools.bench.pipeline import DETECTION, INGESTION, Load, Services, await_ready, measure_ceiling, steady
from driftloop.tools.bench.steady_load import make_events, stamp

Say = Callable[[str], None]
_EVENTS = ((PREDICTION_OUTCOMES, 0),)
_ARCHIVE = ("outcome_ingestion", "--role", "archive")
_EVERY_S = 1.0
_WARM_UP_SHARE = 1 / 3
_CEILING_ROWS = 300_000
_TOO_SLOW = 10
_KEPT_BYTES = 4 << 30
_BROKER = {
    "log.retention.bytes": str(_KEPT_BYTES),
    "log.segment.bytes": str(128 << 20),
    "log.retention.check.interval.ms": "10000",
}
"""Hours of load would fill a small disk; what is removed was read long before, or the soak ends with a sentence."""

Samples = dict[str, list[float]]
"""Resident MB by service, and under `seconds` when they were taken."""


def bench_soak(minutes: float, slow_minutes: float, share: float, say: Say) -> dict[str, Any]:
    """Trends in MB an hour, and the depth of the slow archive.

    Raises UserError where a service ends, and where the load is not framed in time.
    """
    with embedded_broker(overrides=_BROKER) as broker, tempfile.TemporaryDirectory() as name:
        kafka, folder = KafkaSettings(bootstrap_servers=broker.bootstrap_servers), Path(name)
        say("the ceiling of ingestion")
        ceiling = measure_ceiling(kafka, _CEILING_ROWS, folder)
        rate, place = share * ceiling["rows_per_second"], {"DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI": f"{folder}/lake"}
        with (
            FlowWatch(kafka) as watch,
            MeasuredService(INGESTION, kafka, folder) as ingestion,
            MeasuredService(DETECTION, kafka, folder) as detection,
        ):
            services = {"ingestion": ingestion, "detection": detection}
            await_ready(watch, Services(ingestion, detection), _CEILING_ROWS)
            say(f"{rate:,.0f} events a second for {minutes:g} minutes")
            with _archive(_ARCHIVE, kafka, folder / "usual", place) as archive:
                soaked = _soak(kafka, {**services, "archive": archive}, watch, rate, minutes * 60)
            say(f"the same for {slow_minutes:g} minutes with a sink that takes a tenth")
            command = (slow_archive.__name__, str(rate / _TOO_SLOW))
            with _archive(command, kafka, folder / "slow", place) as slow:
                starved = _soak(kafka, {**services, "slow archive": slow}, watch, rate, slow_minutes * 60)
                starved |= _depth(folder / "slow" / f"{slow_archive.__name__}.log", starved["sent"])
    return {"ceiling": ceiling, "share": share, "soak": soaked, "slow_sink": starved}


def _archive(command: tuple[str, ...], kafka: KafkaSettings, folder: Path, place: Mapping[str, str]) -> MeasuredService:
    folder.mkdir()
    return MeasuredService(command, kafka, folder, place)


def _soak(
    kafka: KafkaSettings, services: Mapping[str, MeasuredService], watch: FlowWatch, rate: float, seconds: float
) -> dict[str, Any]:
    before = watch.framed_rows, watch.judged_rows

    def check() -> None:
        for service in services.values():
            service.check()

    with closing(EndOffsets(kafka)) as ends, steady(kafka, rate) as load:
        samples = _samples(services, watch, load, ends, seconds)
        sent = load.stop(watch, check)
    return {
        "seconds": seconds,
        "sent": int(sent["sent"]),
        "rows_per_second": round(sent["sent"] / sent["seconds"]),
        "framed_while_sent": watch.framed_rows - before[0],
        "judged_while_sent": watch.judged_rows - before[1],
        "memory": {name: trend(samples["seconds"], samples[name]) for name in services},
        "samples": {name: [round(one, 2) for one in values] for name, values in samples.items()},
        "load_average": round(os.getloadavg()[0], 2),
    }


def _samples(
    services: Mapping[str, MeasuredService], watch: FlowWatch, load: Load, ends: EndOffsets, seconds: float
) -> Samples:
    samples: Samples = {name: [] for name in ("seconds", *services)}
    started = due = time.monotonic()
    while load.running and time.monotonic() < started + seconds:
        watch.look(0.05)
        if time.monotonic() < due:
            continue
        due += _EVERY_S
        samples["seconds"].append(time.monotonic() - started)
        for name, service in services.items():
            service.check()
            samples[name].append(service.rss_mb)
        check_behind(sum(ends.ask(_EVENTS).values()) - watch.framed_rows)
    return samples


def check_behind(events: int) -> None:
    """Raise a UserError where so many events without a frame could soon be more than the log keeps."""
    if events > _KEPT_BYTES / 2 / len(make_events(1)[0].text(b"load-000000000-000000000", stamp(system_now()))):
        raise UserError(
            f"{events:,} events of the load wait for ingestion, and the log would soon remove some of them unread "
            f"(it keeps {_KEPT_BYTES >> 30} GB): beside the other services this machine does not take that load; ask "
            "for less with --share"
        )


def trend(seconds: list[float], memory_mb: list[float]) -> dict[str, float]:
    """MB an hour behind the first third, with its 95 % interval; the memory there at the beginning, the end, the most.

    >>> trend([0, 600, 1200, 1800, 2400], [5, 100, 101, 102, 103])["mb_per_hour"]
    6.0
    """
    warm = seconds[-1] * _WARM_UP_SHARE
    try:
        slope, low, high = slope_an_hour(seconds, memory_mb, warm)
    except ValueError as error:
        raise UserError(f"the soak is too short: {error}") from error
    late = [value for at, value in zip(seconds, memory_mb, strict=True) if at >= warm]
    found = {"mb_per_hour": slope, "low": low, "high": high, "first_mb": late[0], "last_mb": late[-1]}
    return {name: round(value, 2) for name, value in found.items()} | {"peak_mb": round(max(memory_mb), 1)}


def _depth(log: Path, sent: int) -> dict[str, Any]:
    """The largest write that the slow archive was handed, and how many rows waited on the log at the end."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if '"bytes"' in line]
    writes = [json.loads(line) for line in lines]
    if not writes:
        raise UserError("the slow archive wrote nothing: soak for longer")
    return {
        "writes": len(writes),
        "largest_write_rows": max(one["rows"] for one in writes),
        "largest_write_mb": round(max(one["bytes"] for one in writes) / 2**20, 1),
        "rows_left_on_the_log": sent - sum(one["rows"] for one in writes),
    }


def soak_table(result: dict[str, Any]) -> str:
    """The figures for a person."""
    lines = [f"{'service':14} {'MB/h':>8} {'95 % interval':>18} {'from MB':>9} {'to MB':>8} {'peak MB':>8}"]
    for phase in ("soak", "slow_sink"):
        one = result[phase]
        lines.append(f"{phase.replace('_', ' ')}: {one['seconds']:g} s at {one['rows_per_second']:,} events a second")
        for name, memory in one["memory"].items():
            between = f"{memory['low']:.2f} … {memory['high']:.2f}"
            lines.append(
                f"{name:14} {memory['mb_per_hour']:8.2f} {between:>18} {memory['first_mb']:9.1f} "
                f"{memory['last_mb']:8.1f} {memory['peak_mb']:8.1f}"
            )
    slow = result["slow_sink"]
    lines.append(
        f"slow sink: at most {slow['largest_write_rows']:,} rows ({slow['largest_write_mb']} MB) in a write, "
        f"{slow['rows_left_on_the_log']:,} rows left on the log"
    )
    return "\n".join(lines)
