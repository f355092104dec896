"""Prometheus objects of both roles."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from trainer_worker.core.train.processor import TrainingRuns

_RUN_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 28800)
_PREDICT_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)


class TrainMetrics:
    """What role `train` shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "driftloop_training_runs", "Training runs that ended, by how they ended.", ["status"], registry=registry
        )
        self.seconds = Histogram(
            "driftloop_training_run_seconds",
            "Wall seconds of a training run from its start to its end.",
            ["learner", "mode"],
            buckets=_RUN_SECONDS,
            registry=registry,
        )
        self.running = Gauge(
            "driftloop_training_runs_running", "Training runs that are running now.", registry=registry
        )
        self.rows = Counter("driftloop_training_rows", "Rows that successful runs learnt from.", registry=registry)
        self.left_out = Counter(
            "driftloop_training_rows_left_out",
            "Labelled rows that successful runs did not learn from: their labels lie absurdly far from all others.",
            ["model"],
            registry=registry,
        )
        self.archive = Gauge(
            "driftloop_training_waits_for_archive", "Runs that wait for the archive to hold their rows.",
            registry=registry,
        )  # fmt: skip
        self.store = Gauge(
            "driftloop_training_waits_for_store", "Runs that wait for the artifact store.", registry=registry
        )

        self.cluster = Gauge(
            "driftloop_training_waits_for_cluster", "Runs that wait for a Ray or Kubernetes cluster to answer.",
            registry=registry,
        )  # fmt: skip
        self.webhook = Gauge(
            "driftloop_training_waits_for_webhook", "Runs that wait for their webhook to take the request.",
            registry=registry,
        )  # fmt: skip

        self.sandbox = Gauge(
            "driftloop_training_sandbox",
            "1 where runs of an executor are kept from other files, or from the network, on this machine; else 0.",
            ["executor", "of"], registry=registry,
        )  # fmt: skip

    def watch(self, core: TrainingRuns, oldest_run_seconds: Callable[[], float], registry: CollectorRegistry) -> None:
        """Show what waits in the core and how long the oldest run has been in progress, whenever it is asked."""
        Gauge(
            "driftloop_training_runs_waiting", "Training runs that wait for a free place.", registry=registry
        ).set_function(lambda: core.waiting)
        Gauge(
            "driftloop_training_oldest_run_seconds",
            "Age of the oldest training run in progress, in seconds; 0 where there is none.",
            registry=registry,
        ).set_function(oldest_run_seconds)


class RefusedVersions(Collector):
    """The versions that scoring could not score on the newest frame of their model."""

    def __init__(self, refused: Mapping[tuple[str, str], str]) -> None:
        self._refused = refused

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One sample a version; its value is 1."""
        family = GaugeMetricFamily(
            "driftloop_scoring_versions_refused",
            "Versions that could not be scored on the newest frame (the value is always 1).",
            labels=("model", "version"),
        )
        for model, version in list(self._refused):
            family.add_metric((model, version), 1.0)
        yield family


class ScoreMetrics:
    """What role `score` shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Counter("driftloop_scored_rows", "Rows that a version was run on to score it.", registry=registry)
        self.loaded = Counter(
            "driftloop_scoring_models_loaded", "Artifacts that were verified and loaded to score.", registry=registry
        )
        self.refused = Counter(
            "driftloop_scoring_models_refused", "Artifacts that were missing or damaged.", registry=registry
        )
        self.store_away = Gauge(
            "driftloop_scoring_store_away", "1 while the artifact store does not answer scoring.", registry=registry
        )
        self.seconds = Histogram(
            "driftloop_scoring_predict_seconds",
            "Seconds to run one version on the labelled rows of a frame.",
            buckets=_PREDICT_SECONDS,
            registry=registry,
        )
