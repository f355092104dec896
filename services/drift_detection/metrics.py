"""What Prometheus sees of detection: read from the core whenever it asks."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from drift_detection.core.processor import DriftDetection
from drift_detection.core.reports.notes import is_learning, lacks_profile
from driftloop.contracts.topics import MODEL_PROFILES, MODEL_SPECS

_MODEL = ("model",)
_OF_A_VERSION = ("model", "version")
_OF_A_SEGMENT = ("model", "segment")
_PUBLISHED = (
    (
        "driftloop_health_points",
        "health_points",
        "Health by accuracy, latency and failures: 0 (poor) to 3 (excellent).",
    ),
    ("driftloop_expected_error_share", "expected_error", "Share of errors to be expected by the newest confidences."),
    ("driftloop_expected_error_miss_share", "expected_error_miss", "The same less the share that labels showed."),
    ("driftloop_mature_loss", "mature_loss", "Mean loss of rows that are old enough for their labels to be in."),
    (
        "driftloop_label_delay_p50_seconds",
        "label_delay_p50_seconds",
        "Time within which half of the newest labels came.",
    ),
    ("driftloop_label_delay_p99_seconds", "label_delay_p99_seconds", "Time within which 99 in 100 of them came."),
    ("driftloop_provisional_loss", "provisional_loss", "Mean loss of the newer rows whose labels came early."),
)


class DetectionMetrics(Collector):
    """Figures of the watched models; the core itself knows no metrics."""

    def __init__(self, core: DriftDetection) -> None:
        self._core = core

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        yield from self._models()
        yield from self._segments()
        yield from self._budgets()
        yield from self._published()
        yield from self._unwatched()
        yield from self._versions()
        yield from self._tables()
        signals = CounterMetricFamily(
            "driftloop_drift_signals", "Signals raised since the start.", labels=("model", "kind", "harmful")
        )
        for (model_id, kind, harmful), count in list(self._core.signals.items()):
            signals.add_metric((model_id, kind, str(harmful).lower()), count)
        yield signals

    def _models(self) -> Iterator[Metric]:
        rows = CounterMetricFamily("driftloop_watched_rows", "Rows seen by detection.", labels=("model",))
        labelled = CounterMetricFamily("driftloop_labelled_rows", "Labelled rows seen.", labels=("model",))
        corrected = CounterMetricFamily(
            "driftloop_corrected_labels", "Labels that were changed later.", labels=("model",)
        )
        seen = GaugeMetricFamily(
            "driftloop_watermark_seconds", "Event time up to which a model was seen (since 1970).", labels=("model",)
        )
        kept = GaugeMetricFamily(
            "driftloop_detection_checkpoint_seconds",
            "Event time of the newest checkpoint of detection (since 1970).",
            labels=_MODEL,
        )
        for model_id, model in self._core.models():
            if model.newest_checkpoint is not None:
                kept.add_metric((model_id,), model.newest_checkpoint.at.timestamp())
            rows.add_metric((model_id,), model.monitors[""].rows)
            labelled.add_metric((model_id,), model.labelled_rows)
            corrected.add_metric((model_id,), model.corrections)
            seen.add_metric((model_id,), model.watermark / 1000)
        yield from (rows, labelled, corrected, seen, kept)

    def _unwatched(self) -> Iterator[Metric]:
        """What is not watched."""
        unjudged = CounterMetricFamily(
            "driftloop_unjudged_rows", "Labelled rows that nobody judges, by reason.", labels=("model", "reason")
        )
        segments = GaugeMetricFamily(
            "driftloop_unwatched_segments",
            "Segments of a hundredth of the rows or more without a monitor.",
            labels=_MODEL,
        )
        share = GaugeMetricFamily(
            "driftloop_unwatched_segments_ratio",
            "Part of the rows that are in segments without a monitor.",
            labels=_MODEL,
        )
        selected = GaugeMetricFamily(
            "driftloop_selected_labels",
            "1 while labels come for some predicted classes rather than others.",
            labels=_MODEL,
        )
        learning = GaugeMetricFamily(
            "driftloop_detection_learning", "1 while too few losses are known to judge by.", labels=_MODEL
        )
        lacking = GaugeMetricFamily(
            "driftloop_version_without_profile",
            "1 while the serving version has no profile of the target.",
            labels=_MODEL,
        )
        for model_id, model in self._core.models():
            for reason, rows in list(model.losses.sharing.unjudged.items()):
                unjudged.add_metric((model_id, reason), rows)
            errors = model.monitors[""].errors
            segments.add_metric((model_id,), model.roster.slots.unwatched)
            share.add_metric((model_id,), model.roster.slots.unwatched_share)
            selected.add_metric((model_id,), float(errors is not None and errors.excused is not None))
            learning.add_metric((model_id,), float(is_learning(model)))
            lacking.add_metric((model_id,), float(lacks_profile(model)))
        yield from (unjudged, segments, share, selected, learning, lacking)

    def _versions(self) -> Iterator[Metric]:
        """Versions that share traffic with the one that is judged."""
        rows = CounterMetricFamily(
            "driftloop_other_version_rows", "Labelled rows of a version beside the judged one.", labels=_OF_A_VERSION
        )
        loss = GaugeMetricFamily("driftloop_other_version_loss", "Mean of its newest losses.", labels=_OF_A_VERSION)
        harmed = GaugeMetricFamily(
            "driftloop_other_version_harm_active", "1 while a harm alarm of it stands.", labels=_OF_A_VERSION
        )
        for model_id, model in self._core.models():
            for version, one in list(model.losses.sharing.others.watched.items()):
                rows.add_metric((model_id, version), one.errors.rows)
                loss.add_metric((model_id, version), one.errors.recent_loss or 0.0)
                harmed.add_metric((model_id, version), float(one.errors.alarmed))
        yield from (rows, loss, harmed)

    def _tables(self) -> Iterator[Metric]:
        """Rows of the tables that cannot be used."""
        yield GaugeMetricFamily(
            "driftloop_refused_specs",
            "Models whose latest spec cannot be used.",
            len(self._core.knowledge.refused_specs),
        )
        unread = CounterMetricFamily(
            "driftloop_unread_table_rows", "Rows of tables that could not be read.", labels=("topic",)
        )
        for topic in (MODEL_SPECS, MODEL_PROFILES):
            unread.add_metric((topic,), self._core.knowledge.unread[topic])
        yield unread

    def _budgets(self) -> Iterator[Metric]:
        """The false alarms that were declared beside those that came about."""
        declared = GaugeMetricFamily(
            "driftloop_false_alarms_declared_per_month", "The budget of false alarms.", labels=("model",)
        )
        achieved = GaugeMetricFamily(
            "driftloop_false_alarms_achieved_per_month",
            "Alarms a month, since the model was first seen, that the rows after them did not confirm.",
            labels=("model",),
        )
        raised = CounterMetricFamily("driftloop_alarms", "Alarms that count on the budget.", labels=("model",))
        unconfirmed = CounterMetricFamily(
            "driftloop_alarms_unconfirmed", "Those that the rows after them did not confirm.", labels=("model",)
        )
        rows = GaugeMetricFamily("driftloop_rows_per_month", "Rows that count as a month.", labels=("model",))
        for model_id, model in self._core.models():
            budget, ledger = model.budget, model.roster.ledger
            declared.add_metric((model_id,), budget.per_month)
            rows.add_metric((model_id,), budget.rows)
            raised.add_metric((model_id,), ledger.raised)
            unconfirmed.add_metric((model_id,), ledger.unconfirmed)
            achieved.add_metric((model_id,), ledger.false_per_month(model.roster.traffic.months))
        yield from (declared, achieved, raised, unconfirmed, rows)

    def _published(self) -> Iterator[Metric]:
        """Figures of the last status that are read off it: too dear to be made for every scrape."""
        for metric, name, words in _PUBLISHED:
            family = GaugeMetricFamily(metric, words, labels=("model",))
            for model_id, model in self._core.models():
                if name in model.published:
                    family.add_metric((model_id,), model.published[name])
            yield family

    def _segments(self) -> Iterator[Metric]:
        loss = GaugeMetricFamily("driftloop_loss", "Mean loss of the newest rows.", labels=_OF_A_SEGMENT)
        reference = GaugeMetricFamily("driftloop_loss_reference", "Mean loss of the reference.", labels=_OF_A_SEGMENT)
        evidence = GaugeMetricFamily(
            "driftloop_error_evidence_ratio", "Evidence for a rise in loss over its threshold.", labels=_OF_A_SEGMENT
        )
        harmed = GaugeMetricFamily("driftloop_harm_active", "1 while a harm alarm stands.", labels=_OF_A_SEGMENT)
        shifted = GaugeMetricFamily("driftloop_shifted_columns", "Columns that stand shifted.", labels=_OF_A_SEGMENT)
        for model_id, model in self._core.models():
            for segment, monitor in list(model.monitors.items()):
                name = (model_id, segment or "all")
                if monitor.streams:
                    shifted.add_metric(name, sum(len(windows.alarmed) for windows in monitor.streams))
                if monitor.errors is None or monitor.errors.recent_loss is None:
                    continue
                statistic, threshold = monitor.errors.statistic
                loss.add_metric(name, monitor.errors.recent_loss)
                reference.add_metric(name, monitor.errors.reference[0])
                evidence.add_metric(name, statistic / threshold if threshold else 0.0)
                harmed.add_metric(name, float(monitor.errors.alarmed))
        yield from (loss, reference, evidence, harmed, shifted)
