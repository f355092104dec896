"""What Prometheus sees of the console."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from operations_console.core.mirror.entries import Alias
from operations_console.core.notify.outbox import Incident
from operations_console.core.view.fleet import FleetView


class ConsoleMetrics:
    """Counters of what was read, asked and refused."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = Counter(
            "driftloop_console_records", "Records read into the view, by topic.", ["topic"], registry=self.registry
        )
        self.requests = Counter(
            "driftloop_console_requests", "Requests answered, by method and status.", ["method", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "driftloop_console_request_seconds", "How long requests took (event streams left out).",
            registry=self.registry, buckets=(0.005, 0.02, 0.05, 0.1, 0.3, 1, 3, 10),
        )  # fmt: skip


class ViewGauges(Collector):
    """Gauges read from the view whenever Prometheus asks."""

    def __init__(
        self, view: FleetView, waiting: Callable[[], int], followers: Callable[[], int], whole: Callable[[], bool]
    ) -> None:
        self._view, self._waiting, self._followers, self._whole = view, waiting, followers, whole

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        for name, words, value in (
            ("driftloop_console_models", "Models in the view.", len(self._view.models)),
            (
                "driftloop_console_view_whole",
                "1 once the view holds all that the log held at the start.",
                self._whole(),
            ),
            ("driftloop_console_followers", "Event streams that are open.", self._followers()),
            ("driftloop_approvals_waiting", "Models of which something waits for a person.", self._waiting()),
            ("driftloop_console_unreadable_records", "Records passed over.", sum(self._view.unreadable.values())),
        ):
            yield GaugeMetricFamily(name, words, value=float(value))


class IncidentGauges(Collector):
    """Gauges of role `notify`, read from its incidents whenever Prometheus asks."""

    def __init__(self, standing: Callable[[], list[Incident]]) -> None:
        self._standing = standing

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        incidents = self._standing()
        queues = [queue for one in incidents for queue in one.queues.values() if queue.pending]
        for name, words, value in (
            (
                "driftloop_incidents_standing",
                "Incidents that are not over.",
                sum(one.over is None for one in incidents),
            ),
            ("driftloop_notifications_waiting", "Notifications that have still to be delivered.", len(queues)),
            (
                "driftloop_notifications_failing",
                "Notifications that a receiver has refused, or not answered, and that are tried again.",
                sum(queue.attempts > 0 for queue in queues),
            ),
        ):
            yield GaugeMetricFamily(name, words, value=float(value))


class MirrorMetrics:
    """What role `mirror` shows of its calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._away = Gauge(
            "driftloop_mirror_away", "1 while the registry that is mirrored to does not answer.", registry=registry
        )
        self._turns = Counter(
            "driftloop_mirror_turns", "Models that were brought up to date or looked at, by end.", ["end"],
            registry=registry,
        )  # fmt: skip
        self._away.set(0)

    def answered(self, *, refused: bool = False) -> None:
        """It answered."""
        self._away.set(0)
        self._turns.labels("refused" if refused else "done").inc()

    def not_answered(self) -> None:
        """It did not."""
        self._away.set(1)
        self._turns.labels("away").inc()


class MovedAliases(Collector):
    """Aliases that somebody else moved in the other registry."""

    def __init__(self, moved: Mapping[tuple[str, Alias], str], refilled: Callable[[], int]) -> None:
        self._moved, self._refilled = moved, refilled

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """One sample an alias; its value is 1."""
        family = GaugeMetricFamily(
            "driftloop_mirror_aliases_moved",
            "Aliases that somebody else moved, with the version that they name (the value is always 1).",
            labels=("model", "alias", "version"),
        )
        for (model, alias), version in list(self._moved.items()):
            family.add_metric((model, alias, version), 1.0)
        yield family
        yield CounterMetricFamily(
            "driftloop_mirror_refilled", "Models that were filled again because something of them was gone.",
            value=self._refilled(),
        )  # fmt: skip
