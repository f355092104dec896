"""WordPiece as BERT does it: lower case, no accents, words cut into the longest pieces that the vocabulary has.

Why written here: it is a page, and the package that does it brings a client for a model hub, which nothing here
may call. It gives the tokens of the reference (`tokenizers` 0.23, BertNormalizer and BertPreTokenizer) but for two
things: `[SEP]` within a text is a text, and characters of newer versions of Unicode are what Python says they are.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

_LONGEST_WORD = 100
"""A longer word is unknown."""
_REMEMBERED = 50_000
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip
"""Characters that are words by themselves; the sixth range as the reference has it."""


@dataclass(frozen=True, slots=True)
class WordPieces:
    """A vocabulary, and what it makes of texts."""

    places: Mapping[str, int]
    _words: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, file: Path) -> Self:
        """The vocabulary in a file of one token a line; raises ValueError where it lacks the special ones."""
        tokens = file.read_text(encoding="utf-8").split("\n")
        places = {token: place for place, token in enumerate(tokens) if token}
        for special in ("[UNK]", "[CLS]", "[SEP]"):
            if special not in places:
                raise ValueError(f"the vocabulary {file} has no {special}")
        return cls(places)

    def ids(self, text: str, most: int) -> list[int]:
        """The tokens of a text between [CLS] and [SEP], at most `most` in all: what is beyond is cut off."""
        found: list[int] = []
        for word in words_of(text):
            found += self._pieces(word)
            if len(found) > most - 2:
                break
        return [self.places["[CLS]"], *found[: most - 2], self.places["[SEP]"]]

    def _pieces(self, word: str) -> Sequence[int]:
        known = self._words.get(word)
        if known is None:
            known = tuple(self._cut(word))
            if len(self._words) < _REMEMBERED:
                self._words[word] = known
        return known

    def _cut(self, word: str) -> list[int]:
        unknown = self.places["[UNK]"]
        if len(word) > _LONGEST_WORD:
            return [unknown]
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                place = self.places.get(("##" if start else "") + word[start:end])
                if place is not None:
                    pieces.append(place)
                    start = end
                    break
            else:
                return [unknown]
        return pieces


def words_of(text: str) -> list[str]:
    """The words of a text: split at white space, each punctuation mark and CJK character by itself.

    >>> words_of("Café, 12.50 €")
    ['cafe', ',', '12', '.', '50', '€']
    """
    spaced = "".join(_spaced(character) for character in text)
    plain = "".join(one for one in unicodedata.normalize("NFD", spaced) if unicodedata.category(one) != "Mn").lower()
    return [word for part in plain.split() for word in _at_punctuation(part)]


def _at_punctuation(part: str) -> list[str]:
    words, start = [], 0
    for place, character in enumerate(part):
        if _is_punctuation(character):
            words += [part[start:place], character]
            start = place + 1
    return [word for word in (*words, part[start:]) if word]


@lru_cache(maxsize=4096)
def _spaced(character: str) -> str:
    code = ord(character)
    if code in (0, 0xFFFD) or (character not in "\t\n\r" and unicodedata.category(character) in _CONTROLS):
        return ""
    if character.isspace():
        return " "
    return f" {character} " if any(first <= code <= last for first, last in _CJK) else character


_CONTROLS = frozenset({"Cc", "Cf", "Co"})


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    code = ord(character)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or unicodedata.category(character).startswith("P")
