"""What an accuracy hides: the majority class, and how well the rare one is found.

*94 % right* is a failure where always saying the same is right in 95 % of the rows. So beside each accuracy
stand the best constant answer, recall, precision, F1, and average precision where there is a confidence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """`majority`: the accuracy of always saying `majority_class`, the most frequent of the judged rows.

    Of two classes, recall, precision and F1 are those of the rarer one (`positive`); of more, means over all
    classes (`positive` None). `average_precision` needs two classes and a confidence.
    """

    majority: float
    majority_class: str
    positive: str | None
    recall: float
    precision: float
    f1: float
    average_precision: float | None

    def as_json(self) -> dict[str, Any]:
        """For a script, rounded to six places."""
        figures = ("majority", "recall", "precision", "f1", "average_precision")
        values = {name: getattr(self, name) for name in figures}
        rounded = {name: None if value is None else round(value, 6) for name, value in values.items()}
        return {**rounded, "majority_class": self.majority_class, "positive": self.positive}

    def sentence(self) -> str:
        """For a person.

        >>> ClassFigures(0.952, "normal", "defect", 0.1, 0.5, 1 / 6, None).sentence()
        'Always saying normal would be right in 95.2 %. Of defect: recall 10.0 %, precision 50.0 %, F1 0.167.'
        """
        of = "Mean over the classes" if self.positive is None else f"Of {self.positive}"
        found = f"recall {self.recall:.1%}, precision {self.precision:.1%}".replace("%", " %")
        ranked = "" if self.average_precision is None else f", average precision {self.average_precision:.3f}"
        return (
            f"Always saying {self.majority_class} would be right in {100 * self.majority:.1f} %. "
            f"{of}: {found}, F1 {self.f1:.3f}{ranked}."
        )


NOTHING = dict.fromkeys(("majority", "recall", "precision", "f1", "average_precision", "majority_class", "positive"))
"""The same keys for a regression, which has no classes."""


def class_figures(truth: Column, said: Column, confidence: Floats | None = None) -> ClassFigures:
    """Judge text predictions against the truth, row by row.

    >>> figures = class_figures(np.array(["a", "a", "a", "b"], object), np.array(["a", "a", "b", "b"], object))
    >>> figures.majority, figures.positive, figures.recall, figures.precision
    (0.75, 'b', 1.0, 0.5)
    """
    classes, counts = np.unique(truth.astype(str), return_counts=True)
    rarest = _positive(classes, counts)
    judged = [rarest] if rarest is not None else list(classes)
    each = np.array([_of_class(truth == name, said == name) for name in judged])
    return ClassFigures(
        majority=float(counts.max() / counts.sum()),
        majority_class=str(classes[np.argmax(counts)]),
        positive=rarest,
        recall=float(each[:, 0].mean()),
        precision=float(each[:, 1].mean()),
        f1=float(each[:, 2].mean()),
        average_precision=_ranked(truth == rarest, said == rarest, confidence) if rarest is not None else None,
    )


def constant_answer(truth: Column) -> Column:
    """A column that says always what is best to say always: the most frequent class, or the median.

    >>> constant_answer(np.array(["a", "a", "b"], object)).tolist()
    ['a', 'a', 'a']
    """
    if truth.dtype == np.float64:
        return np.full(truth.shape, np.nanmedian(truth))
    classes, counts = np.unique(truth.astype(str), return_counts=True)
    return np.full(len(truth), str(classes[np.argmax(counts)]), dtype=object)


def _positive(classes: NDArray[np.str_], counts: NDArray[np.int64]) -> str | None:
    """The rarer of two classes; of equally frequent ones the last by name (1 after 0, yes after no)."""
    if len(classes) > 2:
        return None
    if len(classes) == 1:
        return str(classes[0])
    return str(classes[0] if counts[0] < counts[1] else classes[1])


def _of_class(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Recall, precision and F1; 0 where there is nothing to divide by."""
    right = float(np.count_nonzero(truth & said))
    there, claimed = np.count_nonzero(truth), np.count_nonzero(said)
    recall, precision = right / there if there else 0.0, right / claimed if claimed else 0.0
    return recall, precision, 2 * right / (there + claimed) if there + claimed else 0.0


def _ranked(truth: NDArray[np.bool_], said: NDArray[np.bool_], confidence: Floats | None) -> float | None:
    """Average precision of the probability of the positive class: the mean precision over its hits, ties together."""
    if confidence is None or not truth.any() or np.isnan(confidence).any():
        return None
    probability = np.where(said, confidence, 1.0 - confidence)
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(truth[order])
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    gained = np.diff(np.concatenate([[0], hits[ends]]))
    return float(np.sum(gained * hits[ends] / (ends + 1)) / hits[-1])
