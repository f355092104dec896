"""The tables: specs and profiles of models. Profiles are kept packed and opened when asked for.

Why parts of specs are shared: the specs of a fleet are made after one pattern, and their parts (features, training,
permissions …) are most of what a small model takes.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import pydantic

from drift_detection.core.kept.kept_profile import pack_profile, unpack_profile
from drift_detection.core.presets import check_detection
from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.reference import Reference
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.spec.model_spec import ModelSpec

SPECS = 8
"""Versions of a spec that are kept: frames of older ones may still be on their way."""
PROFILES = 12
"""Versions whose profiles are kept, the newest by arrival."""
WITHDRAWN = 10_000
PARTS = 1_024
"""Parts of specs that are remembered so that the specs to come may share them."""
ABSENT = 64
"""Versions of a model that are remembered to have no profile, the newest by when they were asked for."""


class _WithSpec(msgspec.Struct):
    """The parts of a spec in a message, each as JSON."""

    spec: dict[str, msgspec.Raw]


class _References(Mapping[str, Reference | None]):
    """Version → reference, None for a version without a profile."""

    def __init__(self, profiles: Mapping[str, bytes], opened: dict[str, Reference | None]) -> None:
        self._profiles, self._opened = profiles, opened

    def __getitem__(self, version: str) -> Reference | None:
        if version not in self._opened:
            packed = self._profiles.get(version)
            if packed is None:
                return None
            self._opened[version] = _opened(packed)
        return self._opened[version]

    def __iter__(self) -> Any:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)


def _opened(packed: bytes) -> Reference | None:
    """The reference in a profile; one that is no profile counts as absent."""
    try:
        return reference_of(unpack_profile(packed), packed)
    except pydantic.ValidationError:
        return None


class SpecAndProfileTables:
    """Specs and profiles by model. What cannot be read is left out and counted: the row before it holds."""

    def __init__(self) -> None:
        self._specs: dict[str, dict[int, ModelSpec]] = {}
        self._newest: dict[str, int] = {}
        self._parts: dict[tuple[str, bytes], Any] = {}
        """Parts of specs by their names and JSON, that asked for last at the end."""
        self._profiles: dict[str, dict[str, bytes]] = {}
        self._opened: dict[str, dict[str, Reference | None]] = {}
        self._absent: dict[str, dict[str, None]] = {}
        self.unread: Counter[str] = Counter()
        """Rows of tables that could not be read, by table."""
        self.refused_specs: dict[str, int] = {}
        """Model → spec version that names what is not installed here; an earlier one is in force."""
        self.withdrawn: dict[str, None] = {}
        """Models whose spec was withdrawn, in the order of that: what was known of them is not taken up again."""

    def take_spec(self, key: bytes | None, value: bytes | None) -> str | None:
        """A row of model-specs, keyed by model; one without a value withdraws the spec, and its model is given back.

        One that names what is not installed here is not taken: the one before it holds.
        """
        if not value:
            return self._forget(_text(key))
        try:
            published = ModelSpecPublished.from_json(value)
        except pydantic.ValidationError:
            self.unread["model-specs"] += 1
            return None
        self.withdrawn.pop(published.model_id, None)
        self._newest[published.model_id] = max(published.spec_version, self._newest.get(published.model_id, 0))
        try:
            check_detection(published.spec.detection)
        except ValueError:
            self.refused_specs[published.model_id] = published.spec_version
            return None
        self.refused_specs.pop(published.model_id, None)
        specs = self._specs.setdefault(published.model_id, {})
        specs[published.spec_version] = self.shared(published.spec, msgspec.json.decode(value, type=_WithSpec).spec)
        for old in sorted(specs)[:-SPECS]:
            del specs[old]
        return None

    def shared(self, spec: ModelSpec, texts: Mapping[str, bytes]) -> ModelSpec:
        """The same spec, made of parts that it has in common with others; `texts` has the JSON of its parts."""
        parts = {
            name: self._part(name, bytes(texts[name]), getattr(spec, name))
            for name in sorted((spec.model_fields_set & texts.keys()) - {"model_id"})
        }
        return spec.model_copy(update=parts)

    def _part(self, name: str, text: bytes, part: Any) -> Any:
        key = name, text
        known = self._parts.pop(key, None)
        if known is None or known != part:
            known = part
        self._parts[key] = known
        if len(self._parts) > PARTS:
            del self._parts[next(iter(self._parts))]
        return known

    def _forget(self, model_id: str) -> str:
        self._specs.pop(model_id, None)
        for known in (self._newest, self._absent, self.refused_specs):
            known.pop(model_id, None)
        self.withdrawn[model_id] = None
        for old in list(self.withdrawn)[:-WITHDRAWN]:
            del self.withdrawn[old]
        return model_id

    def take_profile(self, key: bytes | None, value: bytes | None) -> None:
        """A row of model-profiles, keyed `model_id/version`; one without a value withdraws the profile."""
        model_id, _, version = _text(key).rpartition("/")
        if not model_id:
            self.unread["model-profiles"] += 1
            return
        if not value:
            self._profiles.get(model_id, {}).pop(version, None)
            self._opened.get(model_id, {}).pop(version, None)
            return
        profiles = self._profiles.setdefault(model_id, {})
        profiles.pop(version, None)
        profiles[version] = pack_profile(value)
        self._opened.setdefault(model_id, {}).pop(version, None)
        for old in list(profiles)[:-PROFILES]:
            del profiles[old]
            self._opened[model_id].pop(old, None)

    def has_spec(self, model_id: str, spec_version: int) -> bool:
        """Whether that spec, or a later one, has been read."""
        return self._newest.get(model_id, 0) >= spec_version

    def spec(self, model_id: str, spec_version: int) -> ModelSpec | None:
        """The spec of that number, or the nearest that is known."""
        specs = self._specs.get(model_id)
        if not specs:
            return None
        return specs[min(specs, key=lambda number: (abs(number - spec_version), number))]

    def has_profile(self, model_id: str, version: str) -> bool:
        """Whether the version's profile has been read, or is known not to be there."""
        return version in self._profiles.get(model_id, {}) or version in self._absent.get(model_id, {})

    def is_absent(self, model_id: str, version: str) -> None:
        """The tables are read up to their ends for this version: if its profile is not there then, it has none."""
        absent = self._absent.setdefault(model_id, {})
        absent.pop(version, None)
        absent[version] = None
        for old in list(absent)[:-ABSENT]:
            del absent[old]

    def references(self, model_id: str) -> Mapping[str, Reference | None]:
        """The references of a model's versions."""
        return _References(self._profiles.get(model_id, {}), self._opened.setdefault(model_id, {}))


def _text(key: bytes | None) -> str:
    return (key or b"").decode("utf-8", "replace")
