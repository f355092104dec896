"""Declared sources on `model-sources`: published, listed, and found by name."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_sources import ModelSourcePublished
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SOURCES, MODEL_SPECS
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.settings import KafkaSettings
from driftloop.spec.model_source import ModelSource
from driftloop.spec.model_spec import ModelSpec


class DeclaredSources(NamedTuple):
    """The sources by name, and why the others cannot be used."""

    usable: dict[str, ModelSource]
    unusable: dict[str, str]


def publish_source(kafka: KafkaSettings, source: ModelSource, now: datetime) -> bool:
    """Publish `source` unless it stands there already; whether it is new. Raises UserError if the broker is away."""
    if declared_sources(kafka).usable.get(source.name) == source:
        return False
    sender = Sender(kafka)
    sender.send(MODEL_SOURCES, source.name, source_message(source, now).to_json())
    sender.close()
    return True


def source_message(source: ModelSource, now: datetime) -> ModelSourcePublished:
    """The message that declares `source`."""
    return ModelSourcePublished(
        message_id=derive_id("model-source", source.name, source.model_dump_json()),
        model_id=source.model_id,
        occurred_at=now,
        source=source,
    )


def declared_sources(kafka: KafkaSettings) -> DeclaredSources:
    """Every declared source, in the order of their names; raises UserError if the broker is away."""
    usable: dict[str, ModelSource] = {}
    unusable: dict[str, str] = {}
    with Tail(kafka, [MODEL_SOURCES]) as tail:
        for record in tail.read_to_end():
            usable.pop(record.key, None)
            unusable.pop(record.key, None)
            if record.value is None:
                continue
            try:
                usable[record.key] = ModelSourcePublished.from_json(record.value).source
            except ValueError as error:
                unusable[record.key] = str(error)[:300]
    return DeclaredSources(dict(sorted(usable.items())), dict(sorted(unusable.items())))


def specs(kafka: KafkaSettings) -> list[ModelSpec]:
    """The newest spec of every model that has one that can be used."""
    with Tail(kafka, [MODEL_SPECS]) as tail:
        newest = {record.key: record.value for record in tail.read_to_end()}
    found = []
    for value in newest.values():
        with suppress(ValueError):  # whoever reads specs says why one cannot be used
            found.append(ModelSpecPublished.from_json(value or b"").spec)
    return found


def missing_sources(models: Iterable[ModelSpec], declared: DeclaredSources) -> dict[str, list[str]]:
    """Sources that specs name and that are not declared for that model: name → models."""
    missing: dict[str, list[str]] = {}
    for spec in models:
        for name in spec.sources:
            source = declared.usable.get(name)
            if source is None or source.model_id != spec.model_id:
                missing.setdefault(name, []).append(spec.model_id)
    return missing


def declared_source(kafka: KafkaSettings, name: str) -> ModelSource:
    """The source of that name; raises UserError if there is none that can be used."""
    declared = declared_sources(kafka)
    if name in declared.usable:
        return declared.usable[name]
    if name in declared.unusable:
        raise UserError(f"the source {name} cannot be used: {declared.unusable[name]}", ExitCode.USAGE)
    raise UserError(
        f"no source {name} is declared: `driftloop sources apply FILE`, or see `driftloop sources list`",
        ExitCode.NOT_FOUND,
    )
