"""Figures of texts that need no model and no language: how long, how varied, how many words never seen, and where
the words point to.

A text's vector is a hashed bag of its words (K. Weinberger et al., Feature Hashing for Large Scale Multitask
Learning, 2009): each of its words once, signed, in 256 buckets, of length 1. Texts of one topic lie near one
another in it, so that a change of the mix of topics moves its means (`driftloop.statistics.embeddings` watches
those). A number counts as one with as many digits; writing without spaces is cut into pairs of characters.
"""

import base64
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Column = NDArray[np.object_] | Sequence[str | None]

BUCKETS = 256
_VOCABULARY = 1 << 16
_WORD = re.compile(r"[^\W_]+|[^\w\s]")
_DIGIT = re.compile(r"\d")
_UNSPACED = "\u0e00"
"""Writing from here on (Thai, Chinese, Japanese …) has no spaces between words."""
_LONGEST = 20_000
"""Characters of a text that count beyond its length."""


def tokens_of(text: str) -> list[str]:
    """The words of a text.

    >>> tokens_of("Invoice 2024: 12.50 EUR")
    ['invoice', '0000', ':', '00', '.', '00', 'eur']
    >>> tokens_of("東京都")
    ['東京', '京都']
    """
    words = _WORD.findall(_DIGIT.sub("0", text[:_LONGEST].lower()))
    if max(text, default="") < _UNSPACED:
        return words
    return [piece for word in words for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    if len(word) < 3 or max(word) < _UNSPACED:
        return [word]
    return [word[at : at + 2] for at in range(len(word) - 1)]


@lru_cache(maxsize=200_000)
def _hash(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words were seen: one bit for each of 65,536 hashes."""

    seen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(_VOCABULARY, dtype=np.bool_))

    @classmethod
    def of(cls, texts: Column) -> Self:
        """The words of some texts."""
        found = cls()
        for text in texts:
            if text is not None:
                found.seen[[_hash(token) >> 16 for token in tokens_of(str(text))]] = True
        return found

    @classmethod
    def unpacked(cls, text: str) -> Self:
        """What `packed` packed."""
        bits = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)
        return cls(np.unpackbits(bits)[:_VOCABULARY].astype(np.bool_))

    def packed(self) -> str:
        """As a profile holds it."""
        return base64.b64encode(zlib.compress(np.packbits(self.seen).tobytes(), 9)).decode("ascii")


@dataclass(frozen=True, slots=True)
class TextFigures:
    """Figures of some texts, NaN where one is missing. `vectors` is texts × buckets."""

    figures: dict[str, Floats]
    vectors: Floats


def text_figures(texts: Column, vocabulary: Vocabulary | None) -> TextFigures:
    """Length in characters, mean length of a word, share of distinct words, and share of words never seen.

    The last is left out without a vocabulary. All but the length are rounded to so few values that a profile keeps
    each with its count: of ratios of small numbers, quantiles alone tell too little.

    >>> found = text_figures(["one two two", None], Vocabulary.of(["one"]))
    >>> {name: values.round(3).tolist() for name, values in found.figures.items()}
    {'length': [11.0, nan], 'word_length': [3.0, nan], 'distinct': [0.688, nan], 'unknown': [0.656, nan]}
    """
    names = ("length", "word_length", "distinct", *(() if vocabulary is None else ("unknown",)))
    figures = {name: np.full(len(texts), np.nan) for name in names}
    vectors = np.full((len(texts), BUCKETS), np.nan)
    for row, text in enumerate(texts):
        if text is None:
            continue
        tokens = tokens_of(str(text))
        count = max(len(tokens), 1)
        figures["length"][row] = len(text)
        figures["word_length"][row] = min(round(2 * sum(map(len, tokens)) / count) / 2, 19.5)
        figures["distinct"][row] = round(16 * len(set(tokens)) / count) / 16
        hashes = np.array([_hash(token) for token in tokens], dtype=np.int64)
        distinct = np.unique(hashes)
        if vocabulary is not None:
            figures["unknown"][row] = round(32 * np.count_nonzero(~vocabulary.seen[hashes >> 16]) / count) / 32
        vectors[row] = _vector(distinct)
    return TextFigures(figures, vectors)


def _vector(hashes: NDArray[np.int64]) -> Floats:
    signs = np.where(hashes & BUCKETS, 1, -1)
    sums = np.bincount(hashes % BUCKETS, weights=signs, minlength=BUCKETS)
    length = float(np.sqrt(sums @ sums))
    return np.asarray(sums / length) if length else np.asarray(sums)
