"""The specs that were published: a table by model and spec version."""

from collections.abc import Sequence

from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.processor import Record
from driftloop.spec.model_spec import ModelSpec


class Specs:
    """What `model-specs` said. A record that cannot be read is left out: its publisher validated it."""

    def __init__(self) -> None:
        self._specs: dict[str, dict[int, ModelSpec]] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Rows of the topic; an empty value is a spec withdrawn."""
        for record in records:
            value, key = record.value(), record.key()
            if value:
                published = ModelSpecPublished.from_json(value)
                self._specs.setdefault(published.model_id, {})[published.spec_version] = published.spec
            elif key:
                self._specs.pop(key.decode() if isinstance(key, bytes) else key, None)

    def get(self, model_id: str, spec_version: int) -> ModelSpec | None:
        """The spec as of a version; None where it is not known."""
        return self._specs.get(model_id, {}).get(spec_version)

    def newest(self, model_id: str) -> tuple[int, ModelSpec] | None:
        """The newest spec of a model and its version."""
        versions = self._specs.get(model_id)
        if not versions:
            return None
        version = max(versions)
        return version, versions[version]
