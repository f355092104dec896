"""Traces and metrics by OTLP over HTTP. The SDK is imported only where an endpoint is set."""

import atexit
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from driftloop.errors import UserError
from driftloop.telemetry.settings import TelemetrySettings, is_on
from driftloop.telemetry.tracing import LoopTracer, NoTracer, Span, TraceContext, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData
    from opentelemetry.sdk.resources import Resource

_SCOPE = "driftloop"
_TIMEOUT_S = 5.0
log = structlog.get_logger()


def tracer_of(service: str) -> Tracer:
    """What traces a service's loop: nothing, unless an endpoint is set."""
    endpoint = TelemetrySettings().otlp_endpoint if is_on("otlp_endpoint") else None
    return NoTracer() if endpoint is None else LoopTracer(service, SpanExporter(endpoint, service))


class SpanExporter:
    """Sends spans in the background, in batches; those that cannot be delivered are dropped, as traces are."""

    def __init__(self, endpoint: str, service: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise _missing() from error
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_S)
        self._processor = BatchSpanProcessor(exporter, schedule_delay_millis=1000)
        self._resource = _resource(service)
        atexit.register(self.flush)

    def __call__(self, spans: Sequence[Span]) -> None:
        """Take spans over; returns at once."""
        for span in spans:
            self._processor.on_end(_readable(span, self._resource))

    def flush(self) -> None:
        """Send what waits."""
        self._processor.force_flush()


def _readable(span: Span, resource: "Resource") -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanKind

    return ReadableSpan(
        span.name,
        context=_context(span.context),
        parent=_context(span.parent) if span.parent else None,
        resource=resource,
        attributes=dict(span.attributes),
        links=[Link(_context(link)) for link in span.links],
        kind=SpanKind.PRODUCER,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=InstrumentationScope(_SCOPE),
    )


def _context(context: TraceContext) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(context.sampled)),
    )


def _resource(service: str) -> "Resource":
    from opentelemetry.sdk.resources import Resource

    return Resource.create({"service.name": service, "service.namespace": "driftloop"})


class MetricsPush:
    """Sends what `/metrics` would show, every so often, in a thread that ends with the process."""

    def __init__(self, registry: CollectorRegistry, service: str, settings: TelemetrySettings) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        except ImportError as error:
            raise _missing() from error
        self._exporter = OTLPMetricExporter(
            f"{(settings.otlp_endpoint or '').rstrip('/')}/v1/metrics", timeout=_TIMEOUT_S
        )
        self._registry, self._service, self._every = registry, service, settings.otlp_interval_seconds
        self._since, self._stopping = time.time_ns(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; a sending that is under way is not waited for."""
        self._stopping.set()

    def push(self) -> None:
        """Send the figures of now; what does not arrive is the next sending's."""
        self._exporter.export(metrics_data(self._registry.collect(), self._service, self._since, time.time_ns()))

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.push()
            except Exception as error:  # noqa: BLE001  (whatever a figure or the SDK raises, the next sending may do)
                log.warning("metrics were not sent, the next ones may be", why=repr(error))


def metrics_push(registry: CollectorRegistry, service: str) -> MetricsPush | None:
    """Pushes a registry's metrics where an endpoint is set; None where none is."""
    if not is_on("otlp_endpoint") or (settings := TelemetrySettings()).otlp_endpoint is None:
        return None
    push = MetricsPush(registry, service, settings)
    push.start()
    return push


def metrics_data(families: Iterable[Family], service: str, since_ns: int, now_ns: int) -> "MetricsData":
    """Prometheus' families as OTLP has them: counters and histograms are cumulative since `since_ns`."""
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    metrics = [metric for family in families for metric in _metric(family, since_ns, now_ns)]
    scope = ScopeMetrics(InstrumentationScope(_SCOPE), metrics, "")
    return MetricsData([ResourceMetrics(_resource(service), [scope], "")])


def _metric(family: Family, since: int, now: int) -> Iterator["Metric"]:
    from opentelemetry.sdk.metrics.export import AggregationTemporality as Temporality
    from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, NumberDataPoint, Sum

    if family.type == "histogram":
        points = list(_histograms(family.samples, since, now))
        yield Metric(family.name, family.documentation, "", Histogram(points, Temporality.CUMULATIVE))
        return
    counts = family.type == "counter"
    numbers = [
        NumberDataPoint(one.labels, since if counts else 0, now, one.value)
        for one in family.samples
        if not one.name.endswith("_created")
    ]
    data = Sum(numbers, Temporality.CUMULATIVE, is_monotonic=True) if counts else Gauge(numbers)
    if numbers:
        yield Metric(f"{family.name}_total" if counts else family.name, family.documentation, "", data)


def _histograms(samples: Sequence[Sample], since: int, now: int) -> Iterator["HistogramDataPoint"]:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for one in samples:
        labels = tuple(sorted((name, value) for name, value in one.labels.items() if name != "le"))
        if one.name.endswith("_bucket"):
            buckets.setdefault(labels, []).append((float(one.labels["le"]), one.value))
        elif one.name.endswith("_sum"):
            sums[labels] = one.value
    for labels, found in buckets.items():
        bounds = [bound for bound, _ in sorted(found)]
        counts = [int(count) for _, count in sorted(found)]
        each = [after - before for before, after in zip([0, *counts], counts, strict=False)]
        yield HistogramDataPoint(
            dict(labels), since, now, count=counts[-1], sum=sums.get(labels, 0.0), bucket_counts=each,
            explicit_bounds=bounds[:-1], min=float("nan"), max=float("nan"),
        )  # fmt: skip


def _missing() -> UserError:
    return UserError(
        "DRIFTLOOP_TELEMETRY_OTLP_ENDPOINT is set, and the extra is not there: install driftloop[otel].", 2
    )
