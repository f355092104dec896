"""Composition: detection's core over the transactional loop."""

from drift_detection.core.processor import DriftDetection
from drift_detection.metrics import DetectionMetrics
from drift_detection.settings import Settings
from driftloop.contracts import topics
from driftloop.cores.checkpoints import Checkpoints, checkpoint_rule
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.secret_files import secret_at_start

LOOP = LoopSettings(
    service="drift_detection",
    group="drift_detection",
    inputs=(topics.OUTCOME_FRAMES,),
    tables=(topics.MODEL_SPECS, topics.MODEL_PROFILES),
    state="snapshot",
)


def build(settings: Settings, kafka: KafkaSettings | None = None) -> Service:
    """Detection as a service, ready to run."""
    metrics = LoopMetrics(LOOP.service)
    core = DriftDetection(_checkpoints(settings), status_seconds=settings.segment_status_seconds)
    metrics.registry.register(DetectionMetrics(core))
    loop = Loop(core, LOOP.model_copy(update={"snapshot_every": settings.snapshot_every}), kafka, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host)


def _checkpoints(settings: Settings) -> Checkpoints | None:
    file = settings.signing_key_file
    pem = None if file is None else secret_at_start(file)
    return checkpoint_rule("drift_detection", settings.checkpoint_hours, pem)
