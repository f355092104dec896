"""Composition: the coordinator's core over the transactional loop."""

from driftloop.contracts import topics
from driftloop.cores.checkpoints import Checkpoints, checkpoint_rule
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.secret_files import secret_at_start
from retrain_coordinator.core.processor import Coordinator
from retrain_coordinator.metrics import CoordinatorMetrics, Counted, ModelGauges
from retrain_coordinator.settings import Settings

LOOP = LoopSettings(
    service="retrain_coordinator",
    group="retrain_coordinator",
    inputs=(
        topics.CHALLENGE_SCORES,
        topics.DRIFT_SIGNALS,
        topics.DRIFT_STATUS,
        topics.TRAINING_RESULTS,
        topics.MODEL_COMMANDS,
    ),
    keyed=(topics.TRAINING_RESULTS, topics.MODEL_COMMANDS),
    tables=(topics.MODEL_SPECS,),
    state="keyed",
)


def build(settings: Settings, kafka: KafkaSettings | None = None) -> Service:
    """The coordinator as a service, ready to run."""
    metrics = LoopMetrics(LOOP.service)
    core = Coordinator(settings.runs_at_once, _checkpoints(settings))
    metrics.registry.register(ModelGauges(core.states))
    loop = Loop(Counted(core, CoordinatorMetrics(metrics.registry)), LOOP, kafka, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host)


def _checkpoints(settings: Settings) -> Checkpoints | None:
    file = settings.signing_key_file
    pem = None if file is None else secret_at_start(file)
    return checkpoint_rule("retrain_coordinator", settings.checkpoint_hours, pem)
