"""MLflow as the mirror's registry; satisfies `operations_console.core.mirror.processor.Registry`.

Whose an alias is: before it is moved, a tag of the model says from which version to which, and after it the tag says
where it is. An alias that names something else than its tag was moved by somebody else: it is named, and left alone
until it is deleted or put back.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import structlog

from driftloop import rest
from driftloop.errors import AwayError
from operations_console.adapters.mlflow.client import MlflowClient, RefusedError, Registered
from operations_console.core.mirror.entries import ALIASES, Alias, Happened, Held, ModelEntry, Training, VersionEntry
from operations_console.core.mirror.processor import Seen
from operations_console.metrics import MirrorMetrics

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Naming:
    """What things are called there. `prefix` goes before the names of models; `console` begins links to our pages."""

    experiment: str = "driftloop"
    prefix: str = ""
    console: str | None = None


class MlflowRegistry:
    """Blocks while MLflow is away, for `retry_seconds`; then an AwayError ends the process; nothing is committed."""

    def __init__(
        self,
        client: MlflowClient,
        naming: Naming,
        metrics: MirrorMetrics,
        retry_seconds: float = 60.0,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._client, self._naming, self._metrics = client, naming, metrics
        self._retry_seconds, self._pause = retry_seconds, pause or threading.Event().wait
        self._said: dict[tuple[str, Alias], str] = {}

    @cached_property
    def _experiment(self) -> str:
        return self._client.experiment(self._naming.experiment)

    def put(self, model: ModelEntry, versions: Sequence[VersionEntry], history: Sequence[Happened]) -> Seen:
        """See `Registry.put`. What MLflow refuses is counted, logged and left out: it holds up nothing else."""
        deadline, pause = time.monotonic() + self._retry_seconds, _FIRST_PAUSE_S
        while True:
            try:
                seen = self._put(model, versions, history)
            except RefusedError as error:
                self._metrics.answered(refused=True)
                log.error("MLflow refuses", model=model.model_id, why=str(error))  # noqa: TRY400  (its own sentence)
                return Seen()
            except rest.AwayError as error:
                self._metrics.not_answered()
                if time.monotonic() + pause > deadline:
                    raise AwayError(
                        f"MLflow is away: {error}. Nothing is committed; start it, or check its address and the token."
                    ) from error
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                self._metrics.answered()
                return seen

    def look(self, model: ModelEntry, versions: Sequence[VersionEntry]) -> Seen | None:
        """See `Registry.look`."""
        try:
            seen = self._look(model, versions)
        except RefusedError as error:
            log.error("MLflow refuses", model=model.model_id, why=str(error))  # noqa: TRY400  (its own sentence)
            self._metrics.answered(refused=True)
            return Seen()
        except rest.AwayError:
            self._metrics.not_answered()
            return None
        self._metrics.answered()
        return seen

    def _put(self, model: ModelEntry, versions: Sequence[VersionEntry], history: Sequence[Happened]) -> Seen:
        name = self._name(model)
        self._client.create_model(name, {"driftloop.model": model.model_id})
        numbers = self._numbers(name)
        for entry in versions:
            self._put_version(name, entry, numbers)
        self._put_history(model, history)
        registered = self._client.model(name) or Registered()
        moved: dict[Alias, str] = {}
        for alias in ALIASES:
            stranger = self._put_alias(name, alias, model.wanted(alias), registered, numbers)
            if stranger is not None:
                moved[alias] = stranger
        return self._named(model, moved, numbers)

    def _put_version(self, name: str, entry: VersionEntry, numbers: dict[str, tuple[str, Mapping[str, str]]]) -> None:
        run = self._put_run(entry, entry.training) if entry.training is not None else None
        number, known = numbers.get(entry.version, (None, {}))
        tags = self._tags(entry)
        if number is None:
            number = self._client.create_version(name, _source(entry), run, tags)
            known = tags
            numbers[entry.version] = number, tags
        for key, value in tags.items():
            if known.get(key) != value:
                self._client.tag_version(name, number, key, value)

    def _tags(self, entry: VersionEntry) -> dict[str, str]:
        optional = {
            "driftloop.artifact": entry.artifact,
            "driftloop.artifact_sha256": entry.artifact_sha256,
            "driftloop.spec_version": str(entry.spec_version) if entry.spec_version else None,
            "driftloop.decision": str(entry.decision) if entry.decision else None,
            "driftloop.run_id": str(entry.training.run_id) if entry.training else None,
            "driftloop.link": f"{self._naming.console}/models/{entry.model_id}" if self._naming.console else None,
        }
        tags = {"driftloop.version": entry.version, **{key: value for key, value in optional.items() if value}}
        return tags | {f"driftloop.event.{one.event_id}": _sentence(one)[:500] for one in entry.history}

    def _put_run(self, entry: VersionEntry, training: Training) -> str:
        """The run with the figures of a training run; its id there."""
        found = self._client.run(self._experiment, "driftloop.run_id", str(training.run_id))
        if found is None:
            name = f"{entry.model_id} {entry.version}"
            began = _ms(training.asked_at or (entry.history[0].at if entry.history else None))
            tags = {"driftloop.run_id": str(training.run_id), "driftloop.model": entry.model_id}
            found = self._client.create_run(self._experiment, name, began, tags)
        run_id = str(found["info"]["run_id"])
        metrics = {key: value for key, value in training.metrics.items() if math.isfinite(value)}
        parameters = {key: _text(value) for key, value in training.parameters.items() if value is not None}
        filled = f"{len(metrics)} metrics, {len(parameters)} parameters"
        if _tags_of(found).get("driftloop.filled") != filled:
            self._client.log(run_id, _ms(training.ended_at), metrics, parameters, {"driftloop.filled": filled})
            if training.ended_at is not None:
                self._client.end_run(run_id, _ms(training.ended_at))
        return run_id

    def _put_history(self, model: ModelEntry, history: Sequence[Happened]) -> None:
        """The deployments as an artifact: MLflow itself does not keep which version an alias named when."""
        if not history:
            return
        found = self._client.run(self._experiment, "driftloop.deployments_of", model.model_id)
        if found is None:
            tags = {"driftloop.deployments_of": model.model_id}
            name = f"deployments of {model.model_id}"
            found = self._client.create_run(self._experiment, name, _ms(history[0].at), tags)
        newest = f"{len(history)} until {history[-1].event_id}"
        if _tags_of(found).get("driftloop.deployments") != newest:
            lines = [one.model_dump_json() for one in history]
            self._client.put_artifact(found, "deployments.jsonl", ("\n".join(lines) + "\n").encode())
            run_id = str(found["info"]["run_id"])
            self._client.log(run_id, 0, {}, {}, {"driftloop.deployments": newest})

    def _put_alias(
        self, name: str, alias: Alias, wanted: Held, there: Registered, numbers: Mapping[str, tuple[str, Any]]
    ) -> str | None:
        """Move an alias; where somebody else moved it, the number that it names."""
        found, note = there.aliases.get(alias), _note(there, alias)
        target = _number(numbers, wanted.version)
        if target is None and wanted.version is not None:
            return None  # somebody deleted that version: the next look says so, and it is filled in again
        if found == target:
            if target is not None and note.get("to") != target:
                self._client.tag_model(name, _note_key(alias), _noted(wanted, to=target))
            return None
        if found is not None and found not in (note.get("from"), note.get("to")):
            return found
        if found is not None and wanted.at is not None and str(note.get("at") or "") > wanted.at.isoformat():
            return None  # an event that is read once more moves nothing back
        self._client.tag_model(name, _note_key(alias), _noted(wanted, to=target, before=found))
        if target is None:
            self._client.delete_alias(name, alias)
        else:
            self._client.set_alias(name, alias, target)
        self._client.tag_model(name, _note_key(alias), _noted(wanted, to=target))
        return None

    def _look(self, model: ModelEntry, versions: Sequence[VersionEntry]) -> Seen:
        name = self._name(model)
        there = self._client.model(name)
        if there is None:
            self.__dict__.pop("_experiment", None)  # whoever lost the one may have lost the other
            return Seen(lost=bool(versions))
        numbers, lost = self._numbers(name), False
        moved: dict[Alias, str] = {}
        for alias in ALIASES:
            found, note = there.aliases.get(alias), _note(there, alias)
            version = model.wanted(alias).version
            target = _number(numbers, version)
            if found is not None and found not in (target, note.get("from"), note.get("to")):
                moved[alias] = found
            elif found != target or (version is not None and target is None):
                lost = True
        return Seen(lost=lost, moved=self._named(model, moved, numbers).moved)

    def _named(self, model: ModelEntry, moved: Mapping[Alias, str], numbers: Mapping[str, tuple[str, Any]]) -> Seen:
        """What was moved by somebody else, by its version's name; each is told once."""
        ours = {number: version for version, (number, _) in numbers.items()}
        for alias in ALIASES:
            key = model.model_id, alias
            if alias not in moved:
                if self._said.pop(key, None) is not None:
                    log.info("an alias is where driftloop put it again", model=model.model_id, alias=alias)
                continue
            if self._said.get(key) != moved[alias]:
                self._said[key] = moved[alias]
                log.warning(
                    "somebody else moved an alias, it is left alone", model=model.model_id, alias=alias,
                    names=f"version {moved[alias]} ({ours.get(moved[alias], 'not of driftloop')})",
                    driftloop_has=model.wanted(alias).version,
                    to_do="delete the alias in MLflow to have it set again, or promote the version here",
                )  # fmt: skip
        return Seen(moved={alias: ours.get(number, f"version {number}") for alias, number in moved.items()})

    def _numbers(self, name: str) -> dict[str, tuple[str, Mapping[str, str]]]:
        """By driftloop's version, the number there and its tags; the first one made counts."""
        found: dict[str, tuple[str, Mapping[str, str]]] = {}
        for one in sorted(self._client.versions(name), key=lambda one: -int(one.number)):
            if "driftloop.version" in one.tags:
                found[one.tags["driftloop.version"]] = one.number, one.tags
        return found

    def _name(self, model: ModelEntry) -> str:
        return f"{self._naming.prefix}{model.model_id}"


def _number(numbers: Mapping[str, tuple[str, Any]], version: str | None) -> str | None:
    """The number there of a version of ours; None where it is not there."""
    return numbers[version][0] if version is not None and version in numbers else None


def _source(entry: VersionEntry) -> str:
    """Where the version lies. MLflow refuses files of a machine, so for those it is a name alone."""
    address = entry.artifact or ""
    named = address if "://" in address and not address.startswith("file:") else ""
    return named or f"driftloop://{entry.model_id}/{entry.version}"


def _sentence(one: Happened) -> str:
    before = f" (before: {one.previous_version})" if one.previous_version else ""
    return f"{one.at.isoformat()} {one.event}{before}: {one.reason}"


def _tags_of(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run.get("data", {}).get("tags", ())}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _ms(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1000)


def _note_key(alias: Alias) -> str:
    return f"driftloop.alias.{alias}"


def _noted(held: Held, *, to: str | None, before: str | None = None) -> str:
    note = {"to": to, "version": held.version, "at": held.at.isoformat() if held.at else None}
    return json.dumps(note | ({"from": before} if before else {}))


def _note(there: Registered, alias: Alias) -> dict[str, Any]:
    """What our tag says of an alias; nothing where there is none, or somebody else wrote into it."""
    try:
        found = json.loads(there.tags.get(_note_key(alias), "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
