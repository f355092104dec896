"""What Prometheus sees of all roles."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from outcome_ingestion.core.counts import DELAY_BOUNDS_SECONDS, DelayHistogram
from outcome_ingestion.core.ingest import Ingest
from outcome_ingestion.core.translate.pairing import Pair
from outcome_ingestion.core.translate.translating import Translate

_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class IngestMetrics(Collector):
    """Figures of the core, read whenever Prometheus asks; the core itself knows no metrics."""

    def __init__(self, core: Ingest) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        counts = self._core.counts
        rows = CounterMetricFamily("driftloop_ingested_rows", "Rows put into frames.", labels=["model", "event"])
        for model_and_event, number in list(counts.rows.items()):
            rows.add_metric(model_and_event, number)
        yield rows
        yield CounterMetricFamily("driftloop_ingest_records", "Input records that were decoded.", counts.records)
        yield CounterMetricFamily("driftloop_ingest_frames", "Frames published.", counts.frames)
        yield CounterMetricFamily("driftloop_ingest_frame_bytes", "Bytes of frames published.", counts.frame_bytes)
        yield from self._not_as_declared()
        ahead = CounterMetricFamily(
            "driftloop_ahead_records",
            "Rows and labels whose time is ahead of the log or of all others.",
            labels=["model"],
        )
        yield _by_model(ahead, counts.ahead)
        again = CounterMetricFamily(
            "driftloop_reused_prediction_ids", "Predictions whose id an earlier one had.", labels=["model"]
        )
        yield _by_model(again, counts.reused_ids)
        partly = CounterMetricFamily(
            "driftloop_partly_labelled_rows",
            "Rows that came with the truths of some of their target's fields; they wait for the others.",
            labels=["model"],
        )
        yield _by_model(partly, counts.partly_labelled)
        yield from self._gauges()
        yield _delays(dict(counts.delays))

    def _not_as_declared(self) -> Iterator[Metric]:
        counts = self._core.counts
        missing = CounterMetricFamily(
            "driftloop_missing_features", "Values of declared features that were missing.", labels=["model"]
        )
        yield _by_model(missing, counts.missing_features)
        absent = GaugeMetricFamily(
            "driftloop_absent_features", "Declared features that most of the newest rows lack.", labels=["model"]
        )
        yield _by_model(absent, {model_id: len(seen.names) for model_id, seen in list(counts.absent_features.items())})
        extra = CounterMetricFamily(
            "driftloop_extra_features", "Values of features that the model's spec does not name.", labels=["model"]
        )
        yield _by_model(extra, self._core.extra_features)
        without = CounterMetricFamily(
            "driftloop_rows_without_segment",
            "Rows that do not say their value of a declared segment.",
            labels=["model", "segment"],
        )
        for model_and_segment, rows in list(counts.without_segment.items()):
            without.add_metric(model_and_segment, rows)
        yield without

    def _gauges(self) -> Iterator[Metric]:
        core = self._core
        yield GaugeMetricFamily("driftloop_rows_waiting", "Predictions that wait for their label.", core.rows_waiting)
        yield GaugeMetricFamily("driftloop_labels_waiting", "Labels that wait for their row.", core.labels_waiting)
        yield GaugeMetricFamily(
            "driftloop_refused_specs", "Models whose latest spec cannot be used.", len(core.refused_specs)
        )
        values = GaugeMetricFamily(
            "driftloop_observed_values", "Values of series that are kept for forecasts.", labels=["model"]
        )
        yield _by_model(values, core.observed_values)
        apart = GaugeMetricFamily(
            "driftloop_classes_apart", "1 where no class was ever both predicted and true.", labels=["model", "field"]
        )
        for model_and_field in list(core.classes_apart):
            apart.add_metric(model_and_field, 1)
        yield apart


def _by_model(family: CounterMetricFamily | GaugeMetricFamily, counts: dict[str, int]) -> Metric:
    for model_id, number in list(counts.items()):
        family.add_metric([model_id], number)
    return family


def _delays(by_model: dict[str, DelayHistogram]) -> Metric:
    family = HistogramMetricFamily(
        "driftloop_label_delay_seconds", "Time from a prediction to its label, in event time.", labels=["model"]
    )
    for model_id, delays in by_model.items():
        total, buckets = 0, []
        for bound, rows in zip([*map(str, DELAY_BOUNDS_SECONDS), "+Inf"], list(delays.rows), strict=True):
            total += rows
            buckets.append((bound, total))
        family.add_metric([model_id], buckets, delays.seconds)
    return family


class ArchiveMetrics:
    """Counters of the archive."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter("driftloop_archived_rows", "Labelled rows written.", ["how"], registry=registry)
        self.dropped = Counter(
            "driftloop_archive_dropped_rows", "Rows of days past retention that were dropped.", registry=registry
        )
        self.commits = Counter("driftloop_archive_commits", "Commits of the Delta table.", registry=registry)
        self.bytes = Counter("driftloop_archive_bytes", "Bytes of rows written, in memory.", registry=registry)
        self.failures = Counter(
            "driftloop_archive_failures", "Writes that failed and were tried again.", registry=registry
        )
        self.seconds = Histogram(
            "driftloop_archive_commit_seconds", "Time to write a batch.", buckets=_SECONDS, registry=registry
        )
        self.compactions = Counter("driftloop_archive_compactions", "Compactions of small files.", registry=registry)


class MayBeAway(Protocol):
    """A client of a registry."""

    away: bool


class RegistryMetrics(Collector):
    """Whether the schema registry answers; nothing where none is set."""

    def __init__(self, client: MayBeAway | None) -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        """One family, or none."""
        if self._client is not None:
            yield GaugeMetricFamily(
                "driftloop_schema_registry_away",
                "1 while a question to the schema registry stays without an answer.",
                float(self._client.away),
            )


class TranslateMetrics(RegistryMetrics):
    """Figures of role translate."""

    def __init__(self, core: Translate, client: MayBeAway | None) -> None:
        super().__init__(client)
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from super().collect()
        counts, source = self._core.counts, self._core.source.name
        records = CounterMetricFamily("driftloop_translate_records", "Foreign records read.", labels=["source"])
        records.add_metric([source], counts.records)
        yield records
        others = CounterMetricFamily(
            "driftloop_translate_others_records",
            "Foreign records that the source's `where` leaves to others.",
            labels=["source"],
        )
        others.add_metric([source], counts.left_to_others)
        yield others
        messages = CounterMetricFamily(
            "driftloop_translated_messages", "Messages made of foreign records.", labels=["source", "topic"]
        )
        for topic, number in list(counts.messages.items()):
            messages.add_metric([source, topic], number)
        yield messages


class PairMetrics(Collector):
    """Figures of role pair."""

    def __init__(self, core: Pair) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield GaugeMetricFamily(
            "driftloop_halves_waiting", "Requests and responses that wait for the other one.", self._core.halves_waiting
        )
        yield CounterMetricFamily(
            "driftloop_paired_exchanges", "Requests joined with their response.", self._core.pairs
        )
