"""Composition: the two roles of the trainer over the transactional loop."""

import structlog

from driftloop.contracts import topics
from driftloop.contracts.signing import key_in
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.secret_files import secret_at_start
from driftloop.telemetry.disk import DiskSpace
from trainer_worker.adapters.cluster.ports import Clusters
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.adapters.frame_log import KafkaFrames
from trainer_worker.adapters.learnt_rows import ArchivedLearntRows
from trainer_worker.adapters.model_shelf import LoadedModels
from trainer_worker.adapters.sandbox.kernel import FILES, NETWORK
from trainer_worker.adapters.sandbox.plan import Sandbox
from trainer_worker.adapters.signing import SignedArtifacts
from trainer_worker.core.score.processor import ChallengeScoring
from trainer_worker.core.train.processor import RunLimits, TrainingRuns
from trainer_worker.core.train.run_report import Executor
from trainer_worker.metrics import RefusedVersions, ScoreMetrics, TrainMetrics
from trainer_worker.settings import Settings

log = structlog.get_logger(__name__)
TRAIN = LoopSettings(
    service="trainer_worker",
    group="trainer_worker",
    inputs=(topics.TRAINING_REQUESTS, topics.MODEL_COMMANDS, topics.TRAINING_ANSWERS),
    keyed=(topics.MODEL_COMMANDS, topics.TRAINING_ANSWERS),
    tables=(topics.MODEL_SPECS,),
    state="keyed",
)
SCORE = LoopSettings(
    service="challenge_scoring",
    group="challenge_scoring",
    inputs=(topics.MODEL_EVENTS, topics.OUTCOME_FRAMES),
    tables=(topics.MODEL_SPECS,),
    state="keyed",
)


def build(settings: Settings, kafka: KafkaSettings | None = None) -> Service:
    """The role that the settings name, ready to run."""
    build_role = _build_train if settings.role == "train" else _build_score
    return build_role(settings, kafka or KafkaSettings())


def _build_train(settings: Settings, kafka: KafkaSettings) -> Service:
    metrics = LoopMetrics(TRAIN.service)
    places = Places(
        settings.archive_uri, settings.artifact_uri, settings.archive_wait_seconds, settings.checkpoint_seconds,
        settings.runs_path, settings.commands, Clusters(**settings.model_dump(include=set(Clusters.model_fields))),
        settings.trusted_keys, Sandbox(**settings.model_dump(include=set(Sandbox.model_fields))),
    )  # fmt: skip
    shown = TrainMetrics(metrics.registry)
    _show(places.sandbox, shown)
    metrics.registry.register(DiskSpace({"runs": settings.runs_path, "artifacts": settings.artifact_uri}))
    executor = ChildProcesses(places, shown, settings.warm, settings.webhooks)
    executor.fork_early()
    core = TrainingRuns(_signing(executor, settings), RunLimits(settings.runs_at_once, settings.starts_per_run))
    shown.watch(core, executor.oldest_run_seconds, metrics.registry)
    return Service(
        Loop(core, TRAIN, kafka, metrics=metrics),
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
        before=executor.warm_up,
        after=executor.close,
    )


def _show(sandbox: Sandbox, shown: TrainMetrics) -> None:
    """Tell once what runs are kept from, and why not from all."""
    for what, why in sandbox.lacking().items():
        log.warning("runs are trained without a whole sandbox", not_kept_from=what, why=why)
    for executor in ("child", "command"):
        kept_from = sandbox.keeps_from(executor)
        for what in (FILES, NETWORK):
            shown.sandbox.labels(executor=executor, of=what).set(what in kept_from)


def _signing(executor: ChildProcesses, settings: Settings) -> Executor:
    """The executor; where there is a key, what its runs made is signed by this process, which they never see."""
    file = settings.signing_key_file
    return executor if file is None else SignedArtifacts(executor, key_in(secret_at_start(file)))


def _build_score(settings: Settings, kafka: KafkaSettings) -> Service:
    metrics = LoopMetrics(SCORE.service)
    keys = settings.trusted_keys
    shelf = LoadedModels(settings.models_in_memory, ScoreMetrics(metrics.registry), keys)
    core = ChallengeScoring(shelf, KafkaFrames(kafka), ArchivedLearntRows(settings.archive_uri, keys))
    metrics.registry.register(RefusedVersions(core.refused))
    return Service(
        Loop(core, SCORE, kafka, metrics=metrics),
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
    )
