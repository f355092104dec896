"""A model's spec made ready for decoding: its columns, their kinds, and the derived ones."""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION, ROW_COLUMNS, SEGMENT
from driftloop.codec.series import SERIES
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.spec.expressions import Expression, check_expression
from driftloop.spec.model_spec import ModelSpec, TargetField
from outcome_ingestion.core.frames.frame_sizes import bytes_around

ARROW_KINDS = {"number": pa.float64(), "category": pa.string(), "series": SERIES}
CARRIED = {"text": "category", "vector": "category"}
"""Kinds of features that travel as another does: a text as it is, a vector as the text of its numbers."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A feature that ingestion computes."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Layout:
    """How one model's rows become columns under one version of its spec."""

    model_id: str
    spec_version: int
    spec: ModelSpec
    raw: dict[str, str]
    """Feature → kind, of those that producers send, in the order of the spec."""
    derived: tuple[Derived, ...]
    target: dict[str, TargetField]

    @cached_property
    def single(self) -> str | None:
        """The one target field, where a prediction may be a scalar."""
        return next(iter(self.target)) if len(self.target) == 1 else None

    @cached_property
    def has_series(self) -> bool:
        """Whether some of its values are lists, which are read one record at a time."""
        return self.spec.forecast is not None

    @cached_property
    def is_observed(self) -> bool:
        """Whether its truth comes as values of series; its records are keyed by entity then."""
        return self.spec.forecast is not None and self.spec.forecast.is_observed

    @cached_property
    def widths(self) -> dict[str, int]:
        """Features that are vectors, and how many numbers each has."""
        features = {name: self.spec.features[name] for name in self.raw}
        return {name: feature.width for name, feature in features.items() if feature.width is not None}

    @cached_property
    def give_up_us(self) -> int:
        """How long a prediction waits for its label, in microseconds."""
        return int(self.spec.label_delay.give_up_seconds * 1e6)

    @cached_property
    def bytes_around(self) -> int:
        """What a frame of this model takes beside the values of its rows."""
        return bytes_around(self.schema)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of a frame of this model, without shadow predictions."""
        kinds = {name: CARRIED.get(feature.kind, feature.kind) for name, feature in self.spec.features.items()}
        fields = [pa.field(name, kind) for name, kind in ROW_COLUMNS.items()]
        fields += [pa.field(FEATURE + name, ARROW_KINDS[kind]) for name, kind in kinds.items()]
        for prefix in (PREDICTION, LABEL):
            fields += [pa.field(prefix + name, ARROW_KINDS[field.kind]) for name, field in self.target.items()]
        return pa.schema(fields + [pa.field(SEGMENT + name, pa.string()) for name in self.spec.segments])


def layout_of(published: ModelSpecPublished) -> Layout:
    """The layout of a published spec; raises ValueError where an expression is not allowed."""
    spec = published.spec
    readable = {name: f.expression is None and f.kind == "number" for name, f in spec.features.items()}
    derived = tuple(
        Derived(name, check_expression(feature.expression, readable))
        for name, feature in spec.features.items()
        if feature.expression is not None
    )
    kinds = {name: spec.features[name].kind for name in spec.raw_features}
    raw: dict[str, str] = {name: CARRIED.get(kind, kind) for name, kind in kinds.items()}
    return Layout(spec.model_id, published.spec_version, spec, raw, derived, dict(spec.target))
