"""Labels that come with rows and are joined as if they came by themselves.

A prediction that came twice may bring the label that was missing, and a row may bring some of its truths: those of a
target with several fields need not be known at once.
"""

from collections.abc import Sequence

from driftloop.codec.frames import LABEL
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Block, Ints


def labels_of_repeats(block: Block, repeated: Sequence[int]) -> list[LabelItem]:
    """The labels of those rows that are repeated and have one (made when predicted, if not said)."""
    if not repeated:
        return []
    labelled = block.has_some(LABEL)
    return _labels_of(block, [row for row in repeated if labelled[row]], repeat=True)


def parts_of_rows(block: Block, rows: Ints) -> list[LabelItem]:
    """The truths of those rows that bring some of their target's fields and not all."""
    partly = block.has_some(LABEL) & ~block.has(LABEL) if len(block.layout.target) > 1 else None
    if partly is None or not partly.any():
        return []
    return _labels_of(block, rows[partly[rows]].tolist(), repeat=False)


def _labels_of(block: Block, rows: Sequence[int], *, repeat: bool) -> list[LabelItem]:
    columns, labelled, predicted = block.columns, block.times("labelled_at"), block.times("predicted_at")
    weight, rating = columns.get("weight"), columns.get("rating")
    return [
        LabelItem(
            int(block.places[row]),
            block.ids[row].as_py(),
            tuple(columns[LABEL + name][row].as_py() for name in block.layout.target),
            int(labelled[row] or predicted[row]),
            columns["label_source"][row].as_py(),
            None if weight is None else weight[row].as_py(),
            repeat=repeat,
            rating=None if rating is None else rating[row].as_py(),
        )
        for row in rows
    ]
