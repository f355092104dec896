"""Prometheus objects of both roles."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

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
