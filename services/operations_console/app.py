"""Composition: a role's core over the transactional loop, or the console's process."""

from datetime import timedelta
from typing import TYPE_CHECKING

from driftloop.clock import Clock, system_now
from driftloop.contracts.topics import NOTIFICATION_MUTES
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.rest import Server
from driftloop.secret_files import secret_at_start
from driftloop.telemetry.settings import TelemetrySettings
from operations_console.adapters.deliverer import Delivery, read_rules
from operations_console.adapters.lineage import Lineage, OpenLineageSender
from operations_console.adapters.mlflow.client import MlflowClient
from operations_console.adapters.mlflow.registry import MlflowRegistry, Naming
from operations_console.core import lineage
from operations_console.core.mirror.processor import INPUTS as MIRRORED
from operations_console.core.mirror.processor import Mirror
from operations_console.core.notify.incidents import INPUTS
from operations_console.core.notify.processor import Notifier
from operations_console.metrics import IncidentGauges, MirrorMetrics, MovedAliases
from operations_console.settings import Settings

if TYPE_CHECKING:
    from operations_console.adapters.process import Console

NOTIFY = LoopSettings(
    service="operations_notify", group="operations_notify", inputs=INPUTS, tables=(NOTIFICATION_MUTES,), state="keyed"
)
MIRROR = LoopSettings(service="operations_mirror", group="operations_mirror", inputs=MIRRORED, state="keyed")
MIRRORED_AT_ONCE = 100
"""Records that role mirror takes at once: each is several calls, and a member that is long busy leaves its group."""
LINEAGE = LoopSettings(service="operations_lineage", group="operations_lineage", inputs=lineage.INPUTS, state="none")
_EVENTS_AT_ONCE = 100


def build(settings: Settings, kafka: KafkaSettings | None = None, clock: Clock = system_now) -> "Console | Service":
    """The role that the settings name, ready to run."""
    if settings.role == "notify":
        return _build_notify(settings, kafka or KafkaSettings())
    if settings.role == "mirror":
        return _build_mirror(settings, kafka or KafkaSettings())
    if settings.role == "lineage":
        return _build_lineage(settings, kafka or KafkaSettings())
    from operations_console.adapters.process import build_console

    return build_console(settings, kafka or KafkaSettings(), clock)


def _build_notify(settings: Settings, kafka: KafkaSettings) -> Service:
    metrics = LoopMetrics(NOTIFY.service)
    rules = read_rules(settings.rules_file)
    delivery = Delivery(rules.channels, metrics.registry)
    core = Notifier(rules, delivery)
    metrics.registry.register(IncidentGauges(lambda: core.standing))
    return Service(
        Loop(core, NOTIFY, kafka, metrics=metrics),
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
        after=delivery.close,
    )


def _build_mirror(settings: Settings, kafka: KafkaSettings) -> Service:
    metrics = LoopMetrics(MIRROR.service)
    naming = Naming(settings.mlflow_experiment, settings.mlflow_prefix, settings.console_url)
    registry = MlflowRegistry(
        MlflowClient(_mlflow(settings)), naming, MirrorMetrics(metrics.registry), settings.mlflow_retry_seconds
    )
    core = Mirror(registry, timedelta(seconds=settings.mlflow_look_seconds))
    metrics.registry.register(MovedAliases(core.moved, lambda: core.refilled))
    small = kafka.model_copy(update={"batch_size": min(kafka.batch_size, MIRRORED_AT_ONCE)})
    return Service(
        Loop(core, MIRROR, small, metrics=metrics),
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
    )


def _mlflow(settings: Settings) -> Server:
    password = settings.mlflow_password_file
    credentials = (settings.mlflow_username or "", secret_at_start(password)) if password is not None else None
    address = settings.mlflow_url or ""
    return Server(address, credentials, settings.mlflow_token_file, settings.mlflow_ca_file, timeout_s=30.0)


def _build_lineage(settings: Settings, kafka: KafkaSettings) -> Service:
    telemetry = TelemetrySettings()
    if telemetry.openlineage_url is None:
        raise UserError("Set DRIFTLOOP_TELEMETRY_OPENLINEAGE_URL: it says where lineage events go.", ExitCode.USAGE)
    metrics = LoopMetrics(LINEAGE.service)
    core = Lineage(telemetry.openlineage_namespace, OpenLineageSender(telemetry.openlineage_url, metrics.registry))
    few = kafka.model_copy(update={"batch_size": min(kafka.batch_size, _EVENTS_AT_ONCE)})
    return Service(
        Loop(core, LINEAGE, few, metrics=metrics),
        metrics_port=settings.metrics_port,
        metrics_host=settings.metrics_host,
    )
