"""The plain fields of an outcome, declared once: what they hold, and what every encoding makes of them.

From this table come the classes that JSON is decoded into, the columns of columnar JSON, of Arrow records and of
frames, the slots of the compiled reader, the checks of ranges, and the archive's columns. The contract
(`driftloop.contracts.prediction_outcomes`) is the law, and a test holds the two equal. A new scalar field is
declared there and here, and nowhere else.

| kind     | JSON                     | columnar JSON                       | Arrow, frames      |
|----------|--------------------------|-------------------------------------|--------------------|
| `text`   | text                     | list of texts, or one for all rows  | string             |
| `choice` | one of the choices       | list of them, or one for all rows   | string             |
| `number` | number                   | list of numbers                     | double             |
| `whole`  | number without fraction  | list of them                        | int64              |
| `moment` | text as in RFC 3339      | list of texts                       | timestamp[us, UTC] |

Why `prediction_id`, `model_id`, `features`, `prediction`, `label`, `segment`, `shadow` and `attributes` are not
here: each has a meaning of its own (the key, the model, columns by the names of a spec).
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

LabelSource = Literal["user", "system", "pseudo"]
LABEL_SOURCES: tuple[str, ...] = get_args(LabelSource)

Kind = Literal["text", "choice", "number", "whole", "moment"]
Bounds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OutcomeField:
    """A plain field. Every field but a required one may be null or left out; it is `default` then.

    `least` and `most` are taken in; a field of kind `whole` fits into 64 bits besides. `archived`: the archive
    keeps the field. `of_label`: a label says it too, and a correction replaces it.
    """

    name: str
    kind: Kind
    required: bool = False
    default: str | None = None
    least: float = -math.inf
    most: float = math.inf
    archived: bool = False
    of_label: bool = False

    @property
    def bounds(self) -> Bounds:
        """(Least, most)."""
        return self.least, self.most

    @property
    def has_bounds(self) -> bool:
        """Whether some finite numbers are out of range."""
        return not (math.isinf(self.least) and math.isinf(self.most))


OUTCOME_FIELDS: tuple[OutcomeField, ...] = (
    OutcomeField("model_version", "text", archived=True),
    OutcomeField("predicted_at", "moment", required=True, archived=True),
    OutcomeField("labelled_at", "moment", archived=True, of_label=True),
    OutcomeField("label_source", "choice", default="system", archived=True, of_label=True),
    OutcomeField("weight", "number", least=0.0, archived=True, of_label=True),
    OutcomeField("confidence", "number", least=0.0, most=1.0, archived=True),
    OutcomeField("latency_ms", "number", least=0.0),
    OutcomeField("status", "text"),
    OutcomeField("cost", "number"),
    OutcomeField("tokens", "whole", least=0.0),
    OutcomeField("rating", "number", least=0.0, most=1.0, archived=True, of_label=True),
)
"""In the order of a frame's columns: a new field goes to the end, so that frames of both releases read alike."""

MAP_FIELDS = ("segment", "shadow", "attributes")
"""Fields with a value for each of some names, empty where none is given."""


def names_of(*kinds: Kind) -> tuple[str, ...]:
    """The names of the fields of some kinds, of all without any, in the order of the table.

    >>> names_of("moment")
    ('predicted_at', 'labelled_at')
    """
    return tuple(field.name for field in OUTCOME_FIELDS if not kinds or field.kind in kinds)


def number_bounds() -> dict[str, Bounds]:
    """Number → (least, most), the narrowest range first: if several are out of range, that one is named.

    >>> list(number_bounds())
    ['confidence', 'rating', 'weight', 'latency_ms', 'cost']
    """
    numbers = [field for field in OUTCOME_FIELDS if field.kind == "number"]
    numbers.sort(key=lambda field: sum(map(math.isinf, field.bounds)))
    return {field.name: field.bounds for field in numbers}
