"""The table of `model-specs`: one rule for every service.

A row that cannot be read or used is kept out and the spec before it holds. A tombstone forgets the model:
its versions, and that it was ever there. A field that only a newer release knows is left out of the spec and
named. None of these ends the service; each is told to the loop, which counts it and writes it to the log.
"""

import json
from collections.abc import Callable, Sequence

from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.reading import read_message
from driftloop.cores.decode_each import LONGEST_REASON, UNREADABLE
from driftloop.cores.record_fields import key_text, value_bytes
from driftloop.processor import KeptOut, Record
from driftloop.spec.model_spec import ModelSpec

VERSIONS_KEPT = 8
"""Versions of a spec that are kept: frames and requests of older ones may still be on their way."""

Check = Callable[[ModelSpecPublished], object]


class SpecTable:
    """Specs by model and version, the newest eight of each model.

    `check` is what a service asks of a spec beyond its contract: it raises ValueError, with a sentence, for a
    spec that names what is not installed here. Such a row counts as seen, so that nobody waits for it.
    """

    def __init__(self, check: Check = lambda _published: None) -> None:
        self._check = check
        self._specs: dict[str, dict[int, ModelSpecPublished]] = {}
        self._seen: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        """Models whose newest row is kept out, and why; gone with the next good row or a tombstone."""

    def take(self, records: Sequence[Record]) -> list[KeptOut]:
        """Take rows of the topic in their order; gives what was kept out, or taken without some fields."""
        return [told for record in records if (told := self._take(record)) is not None]

    def models(self) -> tuple[str, ...]:
        """The models with a usable spec, in the order in which they came."""
        return tuple(self._specs)

    def seen(self, model_id: str, spec_version: int) -> bool:
        """Whether that version, or a later one, has been read: usable or not."""
        return self._seen.get(model_id, 0) >= spec_version

    def get(self, model_id: str, spec_version: int) -> ModelSpec | None:
        """The spec of exactly that version; None where it is not known."""
        found = self._specs.get(model_id, {}).get(spec_version)
        return None if found is None else found.spec

    def nearest(self, model_id: str, spec_version: int) -> ModelSpec | None:
        """The spec of that version, or the nearest that is known (the older of two as near)."""
        specs = self._specs.get(model_id)
        if not specs:
            return None
        return specs[min(specs, key=lambda number: (abs(number - spec_version), number))].spec

    def newest(self, model_id: str) -> ModelSpecPublished | None:
        """The newest usable spec of a model."""
        specs = self._specs.get(model_id)
        return specs[max(specs)] if specs else None

    def _take(self, record: Record) -> KeptOut | None:
        key, value = key_text(record), value_bytes(record)
        if not value:
            self._forget(key)
            return None
        try:
            published, unknown = read_message(ModelSpecPublished, value)
            if key not in ("", published.model_id):
                raise ValueError(f"the row's key {key[:100]!r} is not its model_id {published.model_id!r}")
        except UNREADABLE as error:
            self._see(key, _version_in(value))
            return self._keep_out(record, key, "unreadable", error)
        self._see(published.model_id, published.spec_version)
        try:
            self._check(published)
        except ValueError as error:
            return self._keep_out(record, published.model_id, "unusable", error)
        self._put(published)
        if unknown:
            fields = f"fields that this release does not know were left out: {', '.join(unknown)}"
            return KeptOut(record, "unknown_fields", f"spec {published.spec_version} of {published.model_id}: {fields}")
        return None

    def _put(self, published: ModelSpecPublished) -> None:
        specs = self._specs.setdefault(published.model_id, {})
        specs[published.spec_version] = published
        self.refused.pop(published.model_id, None)
        for old in sorted(specs)[:-VERSIONS_KEPT]:
            del specs[old]

    def _forget(self, model_id: str) -> None:
        for table in (self._specs, self._seen, self.refused):
            table.pop(model_id, None)

    def _see(self, model_id: str, spec_version: int) -> None:
        self._seen[model_id] = max(spec_version, self._seen.get(model_id, 0))

    def _keep_out(self, record: Record, model_id: str, reason: str, error: Exception) -> KeptOut:
        sentence = " ".join(str(error).split())[:LONGEST_REASON]
        self.refused[model_id] = sentence
        return KeptOut(record, reason, f"the spec of {model_id or 'no model'} is kept out: {sentence}")


def _version_in(value: bytes) -> int:
    """The version that a row claims which cannot be read; 0 where it claims none."""
    try:
        found = json.loads(value)
    except UNREADABLE:
        return 0
    version = found.get("spec_version") if isinstance(found, dict) else None
    return version if isinstance(version, int) and version > 0 else 0
