"""What every loop shows of itself."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from driftloop.processor import WRONG_PARTITION, DeadLetter

_LABELS = ("service",)
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class LoopMetrics:
    """The metrics of one loop, in a registry of its own unless one is given."""

    def __init__(self, service: str, registry: CollectorRegistry | None = None) -> None:
        self.service = service
        self.registry = registry or CollectorRegistry()
        self._declare_records()
        self._declare_tables()
        self._declare_transactions()
        self._declare_partitions()
        self._left_out.labels(service)  # shown from the start: an alert sees a rise, not a first value

    def _declare_records(self) -> None:
        self._records = Counter(
            "driftloop_records_total",
            "Input records by what became of them: processed, ignored or buried.",
            ("service", "fate"),
            registry=self.registry,
        )
        self._ignored = Counter(
            "driftloop_ignored_total",
            "Input that was right to drop, by reason.",
            ("service", "reason"),
            registry=self.registry,
        )
        self._outgoing = Counter(
            "driftloop_outgoing_records_total",
            "Records published, by topic.",
            ("service", "topic"),
            registry=self.registry,
        )
        self._lag = Gauge(
            "driftloop_lag_records",
            "Offsets between the last commit and the end of an input: what a successor would have to read.",
            ("service", "topic", "partition"),
            registry=self.registry,
        )
        self._left_out = Counter(
            "driftloop_left_out_records_total",
            "Records that the Kafka client did not deliver in their turn and the loop went back for.",
            _LABELS,
            registry=self.registry,
        )
        self._letters = Counter(
            "driftloop_dead_letters_total",
            "Records buried, by topic and error class.",
            ("service", "topic", "error_class"),
            registry=self.registry,
        )
        self._refused = Gauge(
            "driftloop_refused_sources",
            "1 for a model and producer whose records are buried one after the other.",
            ("service", "source"),
            registry=self.registry,
        )

    def _declare_tables(self) -> None:
        self._kept_out = Counter(
            "driftloop_table_rows_kept_out_total",
            "Rows of a table that were not taken as they stand, by topic and reason: unreadable, unusable, "
            "unknown_fields (taken without them) or raised.",
            ("service", "topic", "reason"),
            registry=self.registry,
        )
        self._unknown_fields = Counter(
            "driftloop_unknown_fields_total",
            "Fields of control messages that this release does not know: they were left out.",
            _LABELS,
            registry=self.registry,
        )

    def _declare_transactions(self) -> None:
        self._transactions = Counter(
            "driftloop_transactions_total",
            "Transactions by how they ended: committed, aborted, or empty (they said how far was read, and no more).",
            ("service", "end"),
            registry=self.registry,
        )
        self._step = Histogram(
            "driftloop_step_seconds",
            "Time from a batch being read to its commit.",
            _LABELS,
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self._aborts = Gauge(
            "driftloop_consecutive_aborts",
            "Transactions aborted since the last that was committed.",
            _LABELS,
            registry=self.registry,
        )
        self._standstill = Gauge(
            "driftloop_standstill_seconds",
            "Time since the loop last began or ended a call into Kafka: nearly 0 while all is well.",
            _LABELS,
            registry=self.registry,
        )

    def _declare_partitions(self) -> None:
        self._ready = Gauge("driftloop_ready", "1 where /readyz says yes.", _LABELS, registry=self.registry)
        self._restores = Counter(
            "driftloop_restores_total", "Partitions whose state was restored.", _LABELS, registry=self.registry
        )
        self._partitions = Gauge("driftloop_partitions", "Partitions at work.", _LABELS, registry=self.registry)
        self._incomplete = Gauge(
            "driftloop_incomplete_partitions",
            "Partition numbers of which not every input is assigned: nothing of them is read.",
            _LABELS,
            registry=self.registry,
        )

    def batch(self, processed: int, buried: int, ignored: dict[str, int], seconds: float) -> None:
        """A batch was committed."""
        dropped = sum(ignored.values())
        self._records.labels(self.service, "processed").inc(max(0, processed - buried - dropped))
        self._records.labels(self.service, "buried").inc(buried)
        self._records.labels(self.service, "ignored").inc(dropped)
        for reason, count in ignored.items():
            self._ignored.labels(self.service, reason).inc(count)
        self._step.labels(self.service).observe(seconds)

    def reads(self, topics: Iterable[str]) -> None:
        """The inputs: what an alert waits for is there from the start, since it sees a rise, not a first value."""
        for topic in topics:
            self._letters.labels(self.service, topic, WRONG_PARTITION)

    def buried(self, letters: Iterable[DeadLetter]) -> None:
        """Letters went out in a committed transaction."""
        for letter in letters:
            self._letters.labels(self.service, letter.record.topic(), letter.error_class).inc()

    def refused(self, sources: Iterable[str]) -> None:
        """All sources that are refused now."""
        self._refused.clear()
        for source in sources:
            self._refused.labels(self.service, source).set(1)

    def published(self, topic: str, records: int = 1) -> None:
        """Records went out in a committed transaction."""
        self._outgoing.labels(self.service, topic).inc(records)

    def transaction(self, end: str) -> None:
        """A transaction ended: "committed", "aborted" or "empty"."""
        self._transactions.labels(self.service, end).inc()

    def restored(self) -> None:
        """A partition's state was restored."""
        self._restores.labels(self.service).inc()

    def left_out(self, records: int) -> None:
        """The client left records out; the loop goes back for them."""
        self._left_out.labels(self.service).inc(records)

    def unknown_fields(self, fields: int) -> None:
        """Fields of a newer release were left out of what was read."""
        self._unknown_fields.labels(self.service).inc(fields)

    def kept_out(self, topic: str, reason: str) -> None:
        """A table row was not taken as it stands."""
        self._kept_out.labels(self.service, topic, reason).inc()

    def lag(self, topic: str, partition: int, records: int) -> None:
        """How far behind an input is."""
        self._lag.labels(self.service, topic, str(partition)).set(records)

    def partitions(self, at_work: int, incomplete: int) -> None:
        """How many partitions are at work, and how many wait for their twin of another input."""
        self._partitions.labels(self.service).set(at_work)
        self._incomplete.labels(self.service).set(incomplete)

    def aborted_in_a_row(self, count: int) -> None:
        """Transactions aborted since one went through."""
        self._aborts.labels(self.service).set(count)

    def watch(self, standstill_s: Callable[[], float], ready: Callable[[], bool]) -> None:
        """Ask for the age of the last progress, and readiness, at each scrape: a loop that hangs cannot tell them."""
        self._standstill.labels(self.service).set_function(standstill_s)
        self._ready.labels(self.service).set_function(lambda: float(ready()))

    def forget(self, topic: str, partition: int) -> None:
        """A partition went; its lag is told by whoever has it now."""
        self._lag.remove(self.service, topic, str(partition))
