"""The core of role `mirror`: folds the log, has the other registry say the same, and looks whether it still does.

Why the registry is written to before the offsets: nothing there takes part in our transaction. Everything that is
written is found again by its tag, so that doing it twice is doing it once, and a registry that is away holds the
offsets where they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.topics import MODEL_EVENTS, TRAINING_REQUESTS, TRAINING_RESULTS
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.decode_each import decode_messages, of_topic
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.record_fields import partition_of
from driftloop.processor import Effects, Record, StateChange
from operations_console.core.mirror.entries import (
    ALIASES,
    Alias,
    Happened,
    ModelEntry,
    VersionEntry,
    deployments,
    take_event,
    take_request,
    take_result,
    version_key,
)  # fmt: skip

INPUTS = (MODEL_EVENTS, TRAINING_REQUESTS, TRAINING_RESULTS)
_LOOK_EVERY = timedelta(seconds=1)
_LOOKED_AT_ONCE = 10
"""Models whose entry in the other registry is looked at in one turn."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the other registry says of a model: whether something of it is gone, and aliases that somebody moved."""

    lost: bool = False
    moved: Mapping[Alias, str] = field(default_factory=dict)
    """Alias → the version that it names there."""


class Registry(Protocol):
    """A registry of others. Calls block until it answers."""

    def put(self, model: ModelEntry, versions: Sequence[VersionEntry], history: Sequence[Happened]) -> Seen:
        """Have it say all this; what it says already is left as it is, and so is an alias that somebody moved.

        Raises `driftloop.errors.AwayError` where it does not answer in time: no record is to blame.
        """
        ...

    def look(self, model: ModelEntry, versions: Sequence[VersionEntry]) -> Seen | None:
        """What it says of a model; None where it does not answer now."""
        ...


class Mirror:
    """Satisfies `driftloop.processor.Processor`."""

    def __init__(self, registry: Registry, look_every: timedelta = timedelta(seconds=60)) -> None:
        self._registry, self._look_every = registry, look_every
        self._models: dict[int, dict[str, ModelEntry]] = {}
        self._versions: dict[int, dict[str, dict[str, VersionEntry]]] = {}
        self._looked: dict[str, datetime] = {}
        self.moved: dict[tuple[str, Alias], str] = {}
        """Aliases that somebody else moved: (model, alias) → the version that they name."""
        self.refilled = 0
        """Models that were gone from the registry, or parts of them, and were filled again."""

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        done = EffectsBuilder()
        touched: dict[tuple[int, str], set[str]] = {}
        requests = decode_messages(of_topic(records, TRAINING_REQUESTS), TrainingRequest)
        results = decode_messages(of_topic(records, TRAINING_RESULTS), TrainingResult)
        events = decode_messages(of_topic(records, MODEL_EVENTS), ModelEvent)
        for record, request in requests.messages:
            touched.setdefault((partition_of(record), request.model_id), set()).add(self._request(record, request))
        for record, result in results.messages:
            touched.setdefault((partition_of(record), result.model_id), set()).add(self._result(record, result))
        for record, event in events.messages:
            touched.setdefault((partition_of(record), event.model_id), set()).update(self._event(record, event))
        for (partition, model_id), versions in touched.items():
            done.change(*self._changes(partition, model_id, versions))
            self._put(partition, model_id, versions, now)
        done.bury(*requests.dead, *results.dead, *events.dead)
        done.count_unknown_fields(requests.unknown_fields + results.unknown_fields + events.unknown_fields)
        done.wake(now + _LOOK_EVERY)
        return done.effects()

    def wake(self, now: datetime) -> Effects:
        """Look at the models whose turn it is, and fill again what is gone."""
        due = [
            (self._looked_at(model_id, now), partition, model_id)
            for partition, models in self._models.items()
            for model_id in models
        ]
        for looked, partition, model_id in sorted(due)[:_LOOKED_AT_ONCE]:
            if now - looked < self._look_every:
                break
            known = self._registered(partition, model_id)
            seen = self._registry.look(self._models[partition][model_id], list(known.values()))
            if seen is None:
                break
            self._looked[model_id] = now
            if seen.lost:
                self.refilled += 1
                self._put(partition, model_id, set(known), now)
            else:
                self._note(model_id, seen)
        return Effects(wake_at=now + _LOOK_EVERY)

    def _looked_at(self, model_id: str, now: datetime) -> datetime:
        """When a model was last looked at; long ago where that was said by a clock that was ahead."""
        never = datetime.min.replace(tzinfo=now.tzinfo)
        looked = self._looked.get(model_id, never)
        return looked if looked <= now else never

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        self.revoke(partition)
        models = self._models[partition] = {}
        versions: dict[str, dict[str, VersionEntry]] = {}
        self._versions[partition] = versions
        for key, value in state:
            if key.endswith("/model"):
                model = ModelEntry.model_validate_json(value)
                models[model.model_id] = model
            else:
                entry = VersionEntry.model_validate_json(value)
                versions.setdefault(entry.model_id, {})[entry.version] = entry

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        for model_id in self._models.pop(partition, {}):
            self._looked.pop(model_id, None)
            self._note(model_id, Seen())
        self._versions.pop(partition, None)

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """There are no tables."""

    # -- what the log says ------------------------------------------------------------------------

    def _entry(self, record: Record, model_id: str, version: str) -> VersionEntry:
        mine = self._versions.setdefault(partition_of(record), {}).setdefault(model_id, {})
        return mine.get(version) or VersionEntry(model_id=model_id, version=version)

    def _keep(self, record: Record, entry: VersionEntry) -> str:
        self._versions[partition_of(record)][entry.model_id][entry.version] = entry
        return entry.version

    def _request(self, record: Record, request: TrainingRequest) -> str:
        return self._keep(record, take_request(self._entry(record, request.model_id, request.version), request))

    def _result(self, record: Record, result: TrainingResult) -> str:
        """A run that came to no version of its own is forgotten, unless something happened to that version before."""
        entry = self._entry(record, result.model_id, result.version)
        if result.status == "succeeded" and result.reused_version is None:
            return self._keep(record, take_result(entry, result))
        if not entry.history:
            self._versions[partition_of(record)][result.model_id].pop(result.version, None)
        return result.version

    def _event(self, record: Record, event: ModelEvent) -> set[str]:
        models = self._models.setdefault(partition_of(record), {})
        model = models.setdefault(event.model_id, ModelEntry(model_id=event.model_id))
        if event.version is None:
            return set()
        entry = self._entry(record, event.model_id, event.version)
        models[event.model_id], entry = take_event(model, entry, event)
        return {self._keep(record, entry)}

    def _changes(self, partition: int, model_id: str, versions: set[str]) -> list[StateChange]:
        mine = self._versions.get(partition, {}).get(model_id, {})
        changes = [
            StateChange(partition, version_key(model_id, version), entry.model_dump_json().encode() if entry else None)
            for version, entry in ((version, mine.get(version)) for version in sorted(versions))
        ]
        model = self._models.get(partition, {}).get(model_id)
        return [*changes, StateChange(partition, model.key, model.model_dump_json().encode())] if model else changes

    # -- what the registry says --------------------------------------------------------------------

    def _registered(self, partition: int, model_id: str) -> dict[str, VersionEntry]:
        """The versions that something happened to, in the order in which it did; a failed run leaves none."""
        mine = self._versions.get(partition, {}).get(model_id, {})
        found = [entry for entry in mine.values() if entry.history]
        ordered = sorted(found, key=lambda entry: (entry.history[0].at, entry.version))
        return {entry.version: entry for entry in ordered}

    def _put(self, partition: int, model_id: str, versions: set[str], now: datetime) -> None:
        known = self._registered(partition, model_id)
        entries = [known[version] for version in known if version in versions]
        model = self._models.get(partition, {}).get(model_id)
        if model is not None and entries:
            self._note(model_id, self._registry.put(model, entries, deployments(list(known.values()))))
            self._looked[model_id] = now

    def _note(self, model_id: str, seen: Seen) -> None:
        for alias in ALIASES:
            self.moved.pop((model_id, alias), None)
        self.moved.update({(model_id, alias): version for alias, version in seen.moved.items()})
