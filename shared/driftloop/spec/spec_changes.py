"""What a spec changes, field by field: for whoever applies it."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from driftloop.spec.model_spec import ModelSpec

_SHOWN = 60
"""Characters of a value that a line shows."""


class FieldChange(NamedTuple):
    """A field by its path in the spec, and its values as JSON has them. None also where it was not, or is no more."""

    field: str
    before: Any
    after: Any

    def line(self) -> str:
        """For a person.

        >>> FieldChange("label_delay.expected_seconds", 0.0, 60.0).line()
        'label_delay.expected_seconds: 0.0 → 60.0'
        >>> FieldChange("features.speed", None, {"kind": "number"}).line()
        'features.speed: – → {"kind": "number"}'
        """
        before, after = _text(self.before), _text(self.after)
        start = 0
        if max(len(before), len(after)) > _SHOWN:  # else both could be cut off before they differ
            same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
            start = max(0, same - _SHOWN // 3)
        return f"{self.field}: {_shown(before, start)} → {_shown(after, start)}"


def changes(before: ModelSpec, after: ModelSpec) -> list[FieldChange]:
    """The fields that differ, each as deep as both have it, in the order of their names."""
    return list(_differing("", before.model_dump(mode="json"), after.model_dump(mode="json")))


def _differing(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _differing(f"{path}.{name}".lstrip("."), before.get(name), after.get(name))
    elif before != after or type(before) is not type(after):
        yield FieldChange(path, before, after)


def _text(value: Any) -> str:
    return "–" if value is None else json.dumps(value, ensure_ascii=False)


def _shown(text: str, start: int) -> str:
    text = text if start == 0 else f"…{text[start:]}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
