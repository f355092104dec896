"""Replicas of a service as it ships, on cores of their own: what another one brings, and what is busy first.

The topic is filled first. The broker and who looks on have the machine's first core to themselves where there are as
many others; replicas take the next ones in turn. What is counted begins when every replica is ready, and ends when nine
tenths of the rows have gone through: until then no partition is empty.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from driftloop.clock import system_now
from driftloop.codec.frames import decode_header
from driftloop.contracts.topics import (
    DRIFT_STATUS,
    MODEL_PROFILES,
    MODEL_SPECS,
    OUTCOME_FRAMES,
    PREDICTION_OUTCOMES,
)
from driftloop.counted import counted
from driftloop.errors import UserError
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.embedded.broker import Broker, embedded_broker
from driftloop.kafka.embedded.free_port import free_port
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from driftloop.tools.bench.ingest_rows import MODEL, spec_record
from driftloop.tools.bench.measured_service import MeasuredService
from driftloop.tools.bench.process_tree import taken_by
from driftloop.tools.bench.steady_load import make_events, stamp
from driftloop.tools.bench.tables import table
from driftloop.tools.bench.watched import FRAME_ROWS, declared, make_frame, renamed
from driftloop.tools.local.readiness import readiness

PARTITIONS = 4
_MODELS, _DIFFERENT = 32, 5_000
_COUNTED = 0.9
_PATIENCE_S = 180.0

Say = Callable[[str], None]


def bench_replicas(rows: int, replicas: Sequence[int], say: Say) -> dict[str, Any]:
    """Rows per second and CPU seconds of `rows` rows through ingestion and through detection, by number of replicas.

    Raises UserError where a replica ends, or `rows` are too few to be measured.
    """
    found: dict[str, Any] = {}
    for name, service in _SERVICES.items():
        for count in replicas:
            say(f"{name}: {counted(count, 'replica')}, {counted(rows, 'row')}")
            found.setdefault(name, {})[str(count)] = _run(service, rows, count)
    return {"rows": rows, "partitions": PARTITIONS, "cores": os.cpu_count(), "services": found}


def _run(service: "_Service", rows: int, count: int) -> dict[str, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with pinned(0):
            broker = stack.enter_context(embedded_broker())
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
            apply_topics(kafka, partitions=PARTITIONS)
            service.fill(kafka, rows)
        replicas, ports = [], [free_port() for _ in range(count)]
        for replica, port in enumerate(ports):
            variable = f"DRIFTLOOP_{service.module[0].upper()}_METRICS_PORT"
            own = folder / str(replica)
            own.mkdir()
            given = {variable: str(port), "DRIFTLOOP_KAFKA_REPLICA": str(replica)}
            with pinned(1 + replica):
                replicas.append(stack.enter_context(MeasuredService(service.module, kafka, own, given)))
        with pinned(0):
            return _measured(service, rows, _Running(kafka, broker, replicas, ports))


class _Running(NamedTuple):
    """A broker, the replicas, and the ports on which they say whether they are ready."""

    kafka: KafkaSettings
    broker: Broker
    replicas: Sequence[MeasuredService]
    ports: Sequence[int]

    @property
    def ready(self) -> bool:
        """Whether all replicas are."""
        return all(readiness(port) == "ready" for port in self.ports)

    @property
    def cpu(self) -> list[float]:
        """CPU seconds so far: of the broker, then of each replica."""
        assert self.broker.pid is not None
        return [taken_by(self.broker.pid).cpu_s, *(one.cpu_seconds for one in self.replicas)]


def _measured(service: "_Service", rows: int, running: _Running) -> dict[str, float]:
    seen, first, begun = 0, 0, 0.0
    before: list[float] = []
    deadline = time.monotonic() + _PATIENCE_S
    with closing(LogReader(running.kafka, [service.topic])) as reader:
        while seen < _COUNTED * rows:
            for one in running.replicas:
                one.check()
            seen += sum(map(service.rows_of, reader.poll(0.05)))
            if not begun and running.ready:
                seen += sum(map(service.rows_of, reader.read_to(reader.ends())))
                first, begun, before = seen, time.monotonic(), running.cpu
            if time.monotonic() > deadline:
                raise UserError(f"{service.module[0]} took {seen:,} of {rows:,} rows in {_PATIENCE_S:.0f} s")
        seconds, cpu = time.monotonic() - begun, running.cpu
    counted = seen - first
    if counted < rows / 4:
        raise UserError(f"{rows:,} rows are too few: {first:,} had gone through before every replica was ready")
    taken = [after - one for after, one in zip(cpu, before, strict=True)]
    return {
        "rows_per_second": round(counted / seconds),
        "service_cpu_s_per_million": round(sum(taken[1:]) / counted * 1e6, 2),
        "broker_cpu_s_per_million": round(taken[0] / counted * 1e6, 2),
        "busiest_replica": round(max(taken[1:]) / seconds, 2),
        "broker": round(taken[0] / seconds, 2),
    }


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started in the block runs on that core alone, counted round."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class _Ingestion:
    """Single JSON events of one model."""

    module: Sequence[str] = ("outcome_ingestion", "--role", "ingest")
    topic = OUTCOME_FRAMES

    def fill(self, kafka: KafkaSettings, rows: int) -> None:
        """The model's spec, and the events."""
        events, at, sender = make_events(_DIFFERENT), stamp(system_now()), Sender(kafka)
        sender.send(MODEL_SPECS, MODEL, spec_record().value())
        for number in range(rows):
            name = f"row-{number:09d}".encode()
            sender.send(PREDICTION_OUTCOMES, name, events[number % len(events)].text(name, at))
        sender.close(60)

    def rows_of(self, record: Record) -> int:
        """The rows of a frame."""
        return decode_header(record.headers()).rows


class _Detection:
    """Frames of many models of ten features and three segments."""

    module: Sequence[str] = ("drift_detection",)
    topic = DRIFT_STATUS

    def fill(self, kafka: KafkaSettings, rows: int) -> None:
        """Specs, profiles, and the frames, models in turns."""
        names, sender = [f"model-{number}" for number in range(_MODELS)], Sender(kafka)
        for name in names:
            spec, profile = (renamed(text, name) for text in declared(10))
            sender.send(MODEL_SPECS, name, spec)
            sender.send(MODEL_PROFILES, f"{name}/1.0.0", profile)
        for place in range(-(-rows // (FRAME_ROWS * _MODELS))):
            frame = make_frame(place)
            for name in names:
                headers = [(field, name.encode() if field == "model_id" else said) for field, said in frame.headers_]
                sender.send(OUTCOME_FRAMES, name, frame.value(), headers)
        sender.close(60)

    def rows_of(self, record: Record) -> int:
        """With each frame comes one status of a whole model."""
        return FRAME_ROWS if (record.key() or b"").endswith(b"/") else 0


_Service = _Ingestion | _Detection
_SERVICES: dict[str, _Service] = {"ingestion, JSON": _Ingestion(), "detection, 10 features": _Detection()}


def replicas_table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ["service", "replicas", "rows/s", "CPU-s a million rows", "of the broker", "busiest replica", "broker"]
    rows = [
        [
            name,
            count,
            f"{one['rows_per_second']:,}",
            one["service_cpu_s_per_million"],
            one["broker_cpu_s_per_million"],
            f"{one['busiest_replica']:.0%} of a core",
            f"{one['broker']:.0%} of a core",
        ]
        for name, counts in result["services"].items()
        for count, one in counts.items()
    ]
    return table(head, rows)
