"""The class that msgspec reads a columnar record of one layout into."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from driftloop.codec.columns import Column, ColumnBatch
from driftloop.codec.outcomes import ShortText
from outcome_ingestion.core.decode.layout import Layout

_SERIES = list[list[float | None] | None]
_COLUMNS = {"number": list[float | None] | None, "category": Column | None, "series": _SERIES | None}


class TypedColumns:
    """Decodes columnar records of one layout."""

    def __init__(self, layout: Layout) -> None:
        vector: Any = list[list[float] | str | None] | None
        kinds = [vector if name in layout.widths else _COLUMNS[kind] for name, kind in layout.raw.items()]
        slots = [(f"f{i}", kind, None) for i, kind in enumerate(kinds)]
        names = {f"f{i}": name for i, name in enumerate(layout.raw)}
        features = msgspec.defstruct("Features", slots, gc=False, forbid_unknown_fields=True, rename=names)
        target: Any = Column | dict[ShortText, Column] | None
        if layout.single and layout.target[layout.single].kind == "number":
            target = list[float | None] | dict[ShortText, Column] | None
        elif layout.has_series:
            target = _SERIES | dict[ShortText, _SERIES] | None
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [("features", features)]
        own: Any = Literal[layout.model_id]
        fields += [("model_id", own), ("prediction", target, None), ("label", target, None)]
        batch = msgspec.defstruct("Batch", fields, bases=(ColumnBatch,), gc=False, kw_only=True)
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(batch).decode
