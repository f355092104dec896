"""Whether the classes of a model's predictions and of its labels ever meet.

Where none is on both sides the figures say that the model is always wrong, and mean that the two sides do
not speak of the same thing: a probability beside 0 and 1, a code beside a name. Looked at until one class
was on both sides, which costs a model that is right two rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from driftloop.codec.frames import LABEL, PREDICTION
from driftloop.codec.scalars import is_share, same_class
from outcome_ingestion.core.decode.layout import Layout

FEW_ROWS = 200
"""So many labelled rows without a class on both sides are enough."""
_MOST_CLASSES, _SHOWN = 1_000, 3


@dataclass(slots=True)
class _Sides:
    """The classes of one target field so far. `met`: one is on both sides, nothing is looked at any more."""

    rows: int = 0
    said: dict[str, None] = field(default_factory=dict)
    true: dict[str, None] = field(default_factory=dict)
    met: bool = False


class ClassWatch:
    """Sees all frames; `apart` has a sentence for each (model, target field) whose classes never met."""

    def __init__(self) -> None:
        self.apart: dict[tuple[str, str], str] = {}
        self._sides: dict[tuple[str, str, int], _Sides] = {}

    def see(self, batch: pa.RecordBatch, layout: Layout) -> None:
        """Rows that go out."""
        for name, target in layout.target.items():
            if target.kind != "category":
                continue
            key = layout.model_id, name, layout.spec_version
            sides = self._sides.get(key)
            if sides is None:
                sides = self._sides[key] = _Sides()
            if not sides.met:
                self._look(batch, sides, key)

    def _look(self, batch: pa.RecordBatch, sides: _Sides, key: tuple[str, str, int]) -> None:
        said, true = batch.column(PREDICTION + key[1]), batch.column(LABEL + key[1])
        both = pc.and_(said.is_valid(), true.is_valid())
        rows = pc.sum(both).as_py() or 0
        if not rows:
            return
        sides.rows += rows
        for column, known in ((said, sides.said), (true, sides.true)):
            if len(known) < _MOST_CLASSES:
                known.update(dict.fromkeys(pc.unique(column.filter(both)).to_pylist()))
        sides.met = not sides.said.keys().isdisjoint(sides.true)
        if sides.met:
            self.apart.pop(key[:2], None)
        elif sides.rows >= FEW_ROWS:
            self.apart[key[:2]] = _sentence(key[0], key[1], sides.said, sides.true)


def _sentence(model_id: str, name: str, said: Mapping[str, None], true: Mapping[str, None]) -> str:
    shown, labels = (", ".join(repr(word[:40]) for word in list(words)[:_SHOWN]) for words in (said, true))
    if all(map(is_share, list(said)[:_MOST_CLASSES])) and all(
        any(same_class(word, digit) for digit in ("0", "1")) for word in true
    ):
        return (
            f"the predictions of '{name}' of {model_id} are probabilities ({shown}), its labels are "
            f"classes ({labels}): send the class as prediction, and how sure the model is of it as confidence"
        )
    return (
        f"no class of '{name}' of {model_id} is both predicted ({shown}) and true ({labels}): "
        "its predictions and labels are spelled in different ways, or are not of the same thing"
    )
