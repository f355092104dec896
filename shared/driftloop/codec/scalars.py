"""One spelling for a class, whatever type a producer sent it as.

The spelling of a value on its own (`category_text`): a truth value is `true` or `false`, a whole number has
no point and no exponent, any other number is its shortest exact spelling, and a text stays as it is.

The spelling of a label beside its prediction (`spelled_like`): systems of record and model servers write one
class in several ways (`1`, `1.0`, `"1"`, `true`, `"True"`). The prediction says which way is the model's, and
the label is written in it. Why not one spelling for all: a class that both sides call `"1.0"` keeps its name,
in frames, in the archive and in what is trained from it. Text with leading zeros is a name, no number.
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)", re.ASCII)
_POINT_ZERO = re.compile(r"-?(0|[1-9][0-9]*)\.0", re.ASCII)
_LONGEST = 40
"""Longer texts are no numbers that anybody writes for a class."""
_WORDS = {word: style for style in (str.lower, str.capitalize, str.upper) for word in map(style, ("true", "false"))}


class _Reading(NamedTuple):
    """What a text says: a number (truth values are 1 and 0), and whether as a truth value."""

    value: Decimal
    is_truth: bool


def category_text(value: float | int | bool | str) -> str:
    """The text that names a category: `1`, `1.0` and `"1"` are one category, `True` is `true`.

    >>> [category_text(v) for v in (1, 1.0, "1", 1.5, True, "rain")]
    ['1', '1', '1', '1.5', 'true', 'rain']
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@lru_cache(maxsize=65_536)
def spelled_like(label: str, prediction: str) -> str:
    """The label in the spelling of its row's prediction; as it is where both are no numbers or truth values.

    >>> [spelled_like(label, "1") for label in ("true", "False", "1.0", "0", "rain", "01")]
    ['1', '0', '1', '0', 'rain', '01']
    >>> spelled_like("0", "True"), spelled_like("2", "1.0"), spelled_like("1", "0.93")
    ('False', '2.0', '1')
    """
    if label == prediction:
        return label
    mine, theirs = _reading(label), _reading(prediction)
    if mine is None or theirs is None:
        return label
    if mine.value == theirs.value:
        return prediction
    if theirs.is_truth:
        return _WORDS[prediction](str(mine.value == 1)) if mine.value in (0, 1) else label
    if mine.is_truth and theirs.value not in (0, 1):
        return label
    return _number_like(label, mine, prediction)


def same_class(one: str, other: str) -> bool:
    """Whether a person would call both one class.

    >>> same_class("1.0", "true"), same_class("rain", "Rain"), same_class("7", "007")
    (True, False, False)
    """
    return one == other or spelled_like(one, other) == other


def is_share(text: str) -> bool:
    """Whether a text is a number between 0 and 1, as a probability is."""
    found = _reading(text)
    return found is not None and not found.is_truth and 0 < found.value < 1


def _number_like(label: str, mine: _Reading, prediction: str) -> str:
    """A number as whole numbers stand in `prediction`; one that is not whole stays."""
    if _WHOLE.fullmatch(prediction):
        whole = str(int(mine.value)) if mine.is_truth else label.removesuffix(".0")
        return whole if _WHOLE.fullmatch(whole) else label
    if _POINT_ZERO.fullmatch(prediction):
        whole = str(int(mine.value)) if mine.is_truth else label
        return f"{whole}.0" if _WHOLE.fullmatch(whole) else label
    return label


@lru_cache(maxsize=65_536)
def _reading(text: str) -> _Reading | None:
    """What a text says where it is a number or a truth value, None where it is a name."""
    if text in _WORDS:
        return _Reading(Decimal(text.lower() == "true"), is_truth=True)
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
        return None
    return _Reading(Decimal(text), is_truth=False)
