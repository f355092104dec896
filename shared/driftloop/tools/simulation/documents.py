"""Short documents of an office, and a model that reads three fields off them.

Each document tells its kind, its currency and its department in words. People correct most of what the model says;
for some documents the model's own word is the label where it is sure. At `CHANGE` new suppliers come, whose wording
nobody has seen. Once a new version serves, at `regression_row`, the old suppliers' wording comes back with other
meanings (a regression that is injected): the new version is the worse one, and its predecessor comes back.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column, Rows
from driftloop.tools.replay.recording import Predict

Words = Mapping[str, Sequence[str]]

FIELDS = ("kind", "currency", "department")
KINDS: Words = {
    "invoice": ("invoice for", "please pay for", "amount due for"),
    "receipt": ("receipt for", "paid in cash for", "thanks for buying"),
    "contract": ("agreement on", "terms for", "signed deal on"),
}
NEW_KINDS: Words = {
    "invoice": ("remittance request", "settle within thirty days"),
    "receipt": ("proof of sale", "transaction completed"),
    "contract": ("mutual obligations regarding", "parties consent to"),
}
CURRENCIES: Words = {"eur": ("euro", "eur"), "usd": ("dollars", "usd"), "gbp": ("pounds", "gbp")}
DEPARTMENTS: Words = {
    "it": ("laptops", "server racks", "network cables"),
    "facility": ("office cleaning", "desk chairs", "window repair"),
    "travel": ("hotel nights", "flight tickets", "taxi rides"),
}
NEW_DEPARTMENTS: Words = {
    "it": ("cloud credits", "software seats"),
    "facility": ("waste removal", "heating oil"),
    "travel": ("visa fees", "car rental"),
}
AMOUNTS = (12, 45, 180, 760, 2300)
NOISE_SHARE, NEW_SHARE = 0.03, 0.6
"""Labels that are wrong; documents of new suppliers after the change."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts and their fields, one entry a document; `is_new` where a new supplier wrote it."""

    texts: Column
    fields: dict[str, Column]
    is_new: NDArray[np.bool_]

    def rows(self, which: slice | NDArray[np.intp] = slice(None)) -> Rows:
        """Some of them, as learners take them."""
        return Rows({"body": self.texts[which]}, {name: column[which] for name, column in self.fields.items()})


def documents(count: int, seed: int, new_share: float, *, noise: float = NOISE_SHARE) -> Documents:
    """Documents of which `new_share` are of new suppliers; wholly determined by the seed."""
    draw = random.Random(seed)
    texts: list[str] = []
    fields: dict[str, list[str]] = {name: [] for name in FIELDS}
    is_new = [draw.random() < new_share for _ in range(count)]
    for new in is_new:
        said = {"kind": draw.choice(list(KINDS)), "currency": draw.choice(list(CURRENCIES))}
        said["department"] = draw.choice(list(DEPARTMENTS))
        opening = draw.choice((NEW_KINDS if new else KINDS)[said["kind"]])
        matter = draw.choice((NEW_DEPARTMENTS if new else DEPARTMENTS)[said["department"]])
        texts.append(f"{opening} {matter} {draw.choice(AMOUNTS)} {draw.choice(CURRENCIES[said['currency']])}")
        if draw.random() < noise:
            said["kind"] = draw.choice(list(KINDS))
        for name in FIELDS:
            fields[name].append(said[name])
    columns = {name: np.array(column, dtype=object) for name, column in fields.items()}
    return Documents(np.array(texts, dtype=object), columns, np.array(is_new))


def turned(column: Column, names: Sequence[str]) -> Column:
    """Every class as the next one of `names`: what is wrong about a document whose meaning has changed."""
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    return np.array([following[value] for value in column], dtype=object)


def macro_f1(true: Column, said: Column) -> float:
    """The mean over classes of F1.

    >>> macro_f1(np.array(["a", "a", "b"], dtype=object), np.array(["a", "b", "b"], dtype=object)).__round__(3)
    0.667
    """
    scores = []
    for name in sorted({*true.tolist()}):
        right = float(np.sum((true == name) & (said == name)))
        scores.append(2 * right / float(np.sum(true == name) + np.sum(said == name)))
    return float(np.mean(scores))


class Office:
    """The documents of one demonstration, as they come in."""

    def __init__(self, rows: int, change: int, pseudo_until: int, seed: int = 42) -> None:
        before, after = documents(change, seed, 0.0), documents(rows - change, seed + 1, NEW_SHARE)
        self.texts = np.concatenate([before.texts, after.texts])
        self.truth = {name: np.concatenate([before.fields[name], after.fields[name]]) for name in FIELDS}
        self.labels = {name: column.copy() for name, column in self.truth.items()}
        self.is_new = np.concatenate([before.is_new, after.is_new])
        chance = np.random.default_rng(seed + 2).random(rows)
        self.pseudo = (chance < PSEUDO_SHARE) & (np.arange(rows) < pseudo_until)
        self.also: dict[str, Column] = {"label_source": np.full(rows, "user", dtype=object)}
        self.sure = 0

    def label(self, rows: slice, predict: Predict) -> None:
        """Where nobody has read the document, the label is what the model says of it."""
        guessed = np.flatnonzero(self.pseudo[rows]) + rows.start
        if not len(guessed):
            return
        said = predict({"body": self.texts[guessed]})
        for name in FIELDS:
            self.labels[name][guessed] = said.fields[name]
        self.also["label_source"][guessed] = "pseudo"
        assert said.confidence is not None
        self.sure += int((said.confidence >= 0.9).sum())

    def turn(self, first: int) -> None:
        """From a row on, what new suppliers write means something else: the version that learnt it is wrong now."""
        later = np.flatnonzero(self.is_new & (np.arange(len(self.texts)) >= first))
        for table in (self.truth, self.labels):
            table["kind"][later] = turned(table["kind"][later], list(KINDS))
            table["department"][later] = turned(table["department"][later], list(DEPARTMENTS))


PSEUDO_SHARE = 0.3
"""Documents that nobody reads, while pseudo-labels are given."""
