"""Traces and metrics at a real OTLP receiver, from real loops over a log in memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from tests.unit.operations_console.conftest import decision, event, signal

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, FramePosition
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop
from driftloop.kafka.loop.transport import AbortedError
from driftloop.kafka.settings import LoopSettings
from driftloop.processor import Effects, Outgoing, Record
from driftloop.telemetry.otlp import MetricsPush, SpanExporter
from driftloop.telemetry.settings import TelemetrySettings
from driftloop.telemetry.tracing import HEADER, LoopTracer, TraceContext, context_in

SIGNAL = signal("plant", 1).model_copy(update={"position": FramePosition(partition=0, offset=0)})
RETRAIN = decision("plant", 2, "retrain", "drift", "why", caused_by=(SIGNAL.message_id,))
PROMOTED = event("plant", 3, "promoted", "1.0.1").model_copy(
    update={"caused_by": (SIGNAL.message_id, RETRAIN.message_id)}
)
CHAIN: tuple[tuple[str, str, str, ControlMessage | None], ...] = (
    ("ingestion", topics.PREDICTION_OUTCOMES, topics.OUTCOME_FRAMES, None),
    ("detection", topics.OUTCOME_FRAMES, topics.DRIFT_SIGNALS, SIGNAL),
    ("coordinator", topics.DRIFT_SIGNALS, topics.RETRAIN_DECISIONS, RETRAIN),
    ("trainer", topics.RETRAIN_DECISIONS, topics.MODEL_EVENTS, PROMOTED),
)


@dataclass
class Says:
    """A core that says one thing for each record."""

    topic: str
    value: bytes
    seen: list[Any] = field(default_factory=list)

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        self.seen += [record.value() for record in records]
        return Effects(outgoing=tuple(Outgoing(self.topic, "plant", self.value) for _ in records))

    def wake(self, now: datetime) -> Effects:
        return Effects()

    def restore(self, partition: int, state: Any) -> None: ...
    def snapshot(self, partition: int) -> tuple[()]:
        return ()

    def revoke(self, partition: int) -> None: ...
    def take_table(self, topic: str, records: Sequence[Record]) -> None: ...


@dataclass
class Collector:
    """An OTLP receiver: keeps what it is sent, decoded."""

    address: str = ""
    spans: list[tuple[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    arrived: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                (name,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
                self.spans += [(name, span) for scope in resource.scope_spans for span in scope.spans]
        else:
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {one.name: one for scope in resource.scope_metrics for one in scope.metrics}
                self.arrived.set()


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


def run_chain(log: MemoryLog, tracer: Callable[[str], Any] | None, faults: Sequence[BaseException] = ()) -> None:
    """From an outcome to a promotion, by one loop after the other."""
    log.append(topics.PREDICTION_OUTCOMES, key="p1", value=b"{}")
    for service, read, written, message in CHAIN:
        core = Says(written, message.to_json() if message else b"frame")
        loop = MemoryLoop(core, LoopSettings(service=service, group=service, inputs=(read,), state="none"), log)
        if tracer is not None:
            loop._tracer = loop._transactions._tracer = tracer(service)  # as the setting would, for one loop alone
        log.fail_next(*faults)
        loop.start()
        while loop.step():
            pass


def values(log: MemoryLog) -> list[Any]:
    return [record.value() for _, _, topic, _ in CHAIN for record in log.records(topic)]


def test_one_trace_leads_from_an_outcome_to_the_promotion(collector: Collector):
    exporters: dict[str, Any] = {}

    def tracer(service: str) -> LoopTracer:
        exporters[service] = SpanExporter(collector.address, service)
        return LoopTracer(service, exporters[service])

    run_chain(MemoryLog(), tracer)
    for export in exporters.values():
        export.flush()
    spans = dict(collector.spans)
    assert list(spans) == [service for service, *_ in CHAIN]
    assert len({span.trace_id for span in spans.values()}) == 1
    parents = [span.parent_span_id for span in spans.values()]
    assert parents == [b"", *[span.span_id for span in list(spans.values())[:-1]]]
    names = [span.name for span in spans.values()]
    assert names[2:] == ["publish retrain-decisions retrain", "publish model-events promoted"]
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans.values())


def test_a_trace_changes_no_message_and_without_one_there_is_no_header():
    plain, traced = MemoryLog(), MemoryLog()
    run_chain(plain, None)
    run_chain(traced, lambda service: LoopTracer(service, lambda _: None))
    assert values(plain) == values(traced)
    assert not any(record.headers() for _, _, topic, _ in CHAIN for record in plain.records(topic))
    assert all(context_in(record.headers()) for _, _, topic, _ in CHAIN for record in traced.records(topic))


def test_a_step_that_is_done_again_gives_the_same_span_and_it_is_told_once():
    once: list[Any] = []
    again: list[Any] = []
    run_chain(MemoryLog(), lambda service: LoopTracer(service, once.extend, lambda: 1))
    run_chain(MemoryLog(), lambda service: LoopTracer(service, again.extend, lambda: 1), [AbortedError("x")])
    assert once == again
    assert len(once) == len(CHAIN)


class Wakes(Says):
    """It says one thing more, by itself, a while after each batch."""

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        return Effects(super().process(records, now).outgoing, wake_at=now)

    def wake(self, now: datetime) -> Effects:
        return Effects(outgoing=(Outgoing(self.topic, "plant", b"by itself"),) if self.seen else ())


def test_what_a_core_says_by_itself_is_not_of_the_batch_before():
    told: list[Any] = []
    log, clock = MemoryLog(), iter(range(1, 100))
    own = TraceContext("0" * 31 + "a", "0" * 15 + "b")
    log.append(topics.PREDICTION_OUTCOMES, key="p0", value=b"{}", headers=((HEADER, own.header()),))
    settings = LoopSettings(service="s", group="s", inputs=(topics.PREDICTION_OUTCOMES,), state="none")
    loop = MemoryLoop(Wakes(topics.OUTCOME_FRAMES, b"frame"), settings, log)
    loop._tracer = loop._transactions._tracer = LoopTracer("s", told.extend, lambda: next(clock))
    loop.settle()
    batch, waking = told
    assert (batch.parent, waking.parent) == (own, None)
    assert waking.context.trace_id != own.trace_id
    assert waking.start_ns > batch.end_ns, "it began when the core was woken"


def test_after_a_restart_a_chain_goes_on_in_a_trace_of_its_own():
    told: list[Any] = []
    for message in (RETRAIN, PROMOTED):
        tracer = LoopTracer("coordinator", told.extend)  # knows nothing of what was read before
        tracer.trace([Outgoing(topics.RETRAIN_DECISIONS, "plant", message.to_json())])
        tracer.committed()
    assert len({span.context.trace_id for span in told}) == 1


def test_a_producers_own_context_is_taken_up_and_its_sampling_is_respected():
    told: list[Any] = []
    own = TraceContext("0" * 31 + "a", "0" * 15 + "b", sampled=False)
    log = MemoryLog()
    log.append(topics.PREDICTION_OUTCOMES, key="p0", value=b"{}", headers=((HEADER, own.header()),))
    run_chain(log, lambda service: LoopTracer(service, told.extend))
    frames = [span for span in told if span.name == "publish outcome-frames"]
    assert {(span.context.trace_id, span.parent, span.context.sampled) for span in frames} == {
        (own.trace_id, own, False)
    }  # fmt: skip


@given(st.binary(max_size=80))
def test_any_header_is_read_or_passed_over(value: bytes):
    found = context_in([(HEADER, value)])
    assert found is None or context_in([(HEADER, found.header())]) == found


def test_metrics_arrive_as_prometheus_would_show_them(collector: Collector):
    registry = CollectorRegistry()
    Counter("rows", "Rows.", ["topic"], registry=registry).labels("a").inc(7)
    Gauge("lag", "Lag.", registry=registry).set(3.5)
    seconds = Histogram("seconds", "Time.", registry=registry, buckets=(0.1, 1))
    for value in (0.05, 0.5, 0.6, 5):
        seconds.observe(value)
    MetricsPush(registry, "service", TelemetrySettings(otlp_endpoint=collector.address)).push()
    rows, lag = collector.metrics["rows_total"].sum, collector.metrics["lag"].gauge
    assert (rows.is_monotonic, rows.data_points[0].as_double, lag.data_points[0].as_double) == (True, 7.0, 3.5)
    (point,) = collector.metrics["seconds"].histogram.data_points
    assert (list(point.bucket_counts), list(point.explicit_bounds), point.count) == ([1, 2, 1], [0.1, 1.0], 4)
    assert point.sum == pytest.approx(6.15)


def test_a_collector_that_is_away_stops_nobody():
    registry = CollectorRegistry()
    MetricsPush(registry, "service", TelemetrySettings(otlp_endpoint="http://127.0.0.1:9")).push()


def test_a_figure_that_raises_once_does_not_end_the_sending_for_ever(collector: Collector):
    registry, asked = CollectorRegistry(), iter([True, False])

    class Raises:
        def collect(self) -> Iterator[Any]:
            if next(asked, False):
                raise RuntimeError("the dictionary changed size")
            return iter(())

        def describe(self) -> list[Any]:
            return []

    registry.register(Raises())
    Gauge("lag", "Lag.", registry=registry).set(3.5)
    push = MetricsPush(
        registry, "service", TelemetrySettings(otlp_endpoint=collector.address, otlp_interval_seconds=0.01)
    )
    push.start()
    assert collector.arrived.wait(120)
    push.stop()
    assert collector.metrics["lag"].gauge.data_points[0].as_double == 3.5


def test_an_endpoint_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match="otlp_endpoint"):
        TelemetrySettings(otlp_endpoint="collector:4317")
