"""Composition: each role's core over the transactional loop."""

import contextlib
import ctypes
import gc

import pyarrow as pa

from driftloop.contracts import topics
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.metrics import LoopMetrics
from driftloop.kafka.loop.service import Service
from driftloop.kafka.settings import KafkaSettings, LoopSettings
from driftloop.registry.sources import declared_source
from driftloop.spec.model_source import ModelSource
from driftloop.telemetry.disk import DiskSpace
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.adapters.foreign_registry import ForeignRegistry
from outcome_ingestion.adapters.registry_client import RegistryAddress, RegistryClient
from outcome_ingestion.adapters.schema_registry import SchemaRegistry
from outcome_ingestion.adapters.spoken import SpokenIngest
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.core.translate.pairing import Pair
from outcome_ingestion.core.translate.translating import Translate
from outcome_ingestion.metrics import ArchiveMetrics, IngestMetrics, PairMetrics, RegistryMetrics, TranslateMetrics
from outcome_ingestion.settings import Settings

INGEST = LoopSettings(
    service="outcome_ingestion",
    group="outcome_ingestion",
    inputs=(topics.PREDICTION_OUTCOMES, topics.PREDICTION_LABELS),
    tables=(topics.MODEL_SPECS,),
    state="keyed",
)


ARCHIVE = LoopSettings(
    service="outcome_archive",
    group="outcome_archive",
    inputs=(topics.OUTCOME_FRAMES,),
)


PAIR = LoopSettings(
    service="outcome_pairing",
    group="outcome_pairing",
    inputs=(topics.PREDICTION_HALVES,),
    state="keyed",
)

NAMES = {
    "ingest": INGEST.service,
    "archive": ARCHIVE.service,
    "translate": "outcome_translate",
    "pair": PAIR.service,
}
"""Role → the name of its process."""


def translate_loop(source: ModelSource) -> LoopSettings:
    """The loop of role translate: a group of its own for each source, whose topics may have any partition count."""
    service = NAMES["translate"]
    return LoopSettings(
        service=service, group=f"{service}-{source.name}", inputs=source.topics, tables=(topics.MODEL_SOURCES,)
    )


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def build(settings: Settings, kafka: KafkaSettings | None = None) -> Service:
    """The role that the settings name, ready to run."""
    return _BUILDERS[settings.role](settings, kafka)


def _calm_collector() -> None:
    """Look for cycles seldom: a batch makes thousands of tuples and none, and a look costs a third of the work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _steady_memory() -> None:
    """Let the C library keep what a batch has used for the next one, where it is glibc that asks; Arrow asks it too.

    Given back and taken anew after every batch, the pages of large columns cost system time: 0.6 µs a row
    of Arrow and 1.2 of JSON, of which 0.2 and 0.7 are left, and less than half of that with Arrow's own pool left out.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        pa.set_memory_pool(pa.system_memory_pool())
        library.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)


def _before() -> None:
    _steady_memory()
    _calm_collector()


def _ingest(settings: Settings, kafka: KafkaSettings | None) -> Service:
    metrics = LoopMetrics(INGEST.service)
    schemas = _registry(settings)
    core = SpokenIngest(settings.rules, schemas)
    metrics.registry.register(IngestMetrics(core))
    metrics.registry.register(RegistryMetrics(schemas.client if schemas else None))
    loop = Loop(core, INGEST, kafka, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host, before=_before)


def _registry(settings: Settings) -> SchemaRegistry | None:
    if settings.schema_registry_url is None:
        return None
    return SchemaRegistry(
        settings.schema_registry_url, credentials=_credentials(settings), ca_file=settings.schema_registry_ca_file
    )


def _credentials(settings: Settings) -> tuple[str, str] | None:
    file, name = settings.schema_registry_password_file, settings.schema_registry_username
    return (name or "", file.read_text(encoding="utf-8").strip()) if file else None


def _archive(settings: Settings, kafka: KafkaSettings | None) -> Service:
    metrics = LoopMetrics(ARCHIVE.service)
    metrics.registry.register(DiskSpace({"archive": settings.archive_uri}))
    sink = DeltaSink(
        settings.archive_uri,
        ArchiveMetrics(metrics.registry),
        retry_seconds=settings.archive_retry_seconds,
        compact_every=settings.compact_every,
        retention_days=settings.archive_retention_days,
    )
    patient = (kafka or KafkaSettings()).model_copy(update={"linger_ms": settings.archive_linger_ms})
    loop = Loop(Archive(sink), ARCHIVE, patient, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host)


def _translate(settings: Settings, kafka: KafkaSettings | None) -> Service:
    if settings.source is None:
        raise UserError("role translate needs --source, the name of a declared source", ExitCode.USAGE)
    source = declared_source(kafka or KafkaSettings(), settings.source)
    loop_settings = translate_loop(source)
    metrics = LoopMetrics(loop_settings.service)
    client = _registry_client(settings)
    core = Translate(source, ForeignRegistry(client) if client else None)
    metrics.registry.register(TranslateMetrics(core, client))
    loop = Loop(core, loop_settings, kafka, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host, before=_before)


def _registry_client(settings: Settings) -> RegistryClient | None:
    if settings.schema_registry_url is None:
        return None
    credentials = _credentials(settings)
    return RegistryClient(RegistryAddress(settings.schema_registry_url, credentials, settings.schema_registry_ca_file))


def _pair(settings: Settings, kafka: KafkaSettings | None) -> Service:
    metrics = LoopMetrics(PAIR.service)
    core = Pair(settings.pair_rules)
    metrics.registry.register(PairMetrics(core))
    loop = Loop(core, PAIR, kafka, metrics=metrics)
    return Service(loop, metrics_port=settings.metrics_port, metrics_host=settings.metrics_host, before=_before)


_BUILDERS = {"ingest": _ingest, "archive": _archive, "translate": _translate, "pair": _pair}
