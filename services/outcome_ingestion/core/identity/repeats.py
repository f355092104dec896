"""A prediction that came twice: the second time it may bring the label that was missing."""

from collections.abc import Sequence

from driftloop.codec.frames import LABEL
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Block


def labels_of_repeats(block: Block, repeated: Sequence[int]) -> list[LabelItem]:
    """The labels of those rows that are repeated and have one (made when predicted, if not said)."""
    if not repeated:
        return []
    labelled = block.has(LABEL)
    return [_label_of(block, row) for row in repeated if labelled[row]]


def _label_of(block: Block, row: int) -> LabelItem:
    columns = block.columns
    weight = columns.get("weight")
    return LabelItem(
        int(block.places[row]),
        block.ids[row].as_py(),
        tuple(columns[LABEL + name][row].as_py() for name in block.layout.target),
        int(block.times("labelled_at")[row] or block.times("predicted_at")[row]),
        columns["label_source"][row].as_py(),
        None if weight is None else weight[row].as_py(),
        repeat=True,
    )
