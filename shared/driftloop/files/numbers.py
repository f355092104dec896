"""Texts that are numbers, in the ways in which people and programs write them.

A column is a number only where (almost) all that is in it is one. Whole numbers with a leading zero
are names (ids, postal codes) and stay text; so do whole numbers that no 64 bits hold.
"""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Decimal = Literal[".", ","]

_WORDS = """- -- . .. ... ? * x none null nil na n/a n.a. n.a nan -nan nat k.a. s.o. <na>
#n/a #na #div/0! #value! #ref! #num! #name?"""
MISSING_NUMBERS = (*_WORDS.split(), "k. a.", "n. a.")
"""Missing where everything else in the column is a number or a time; in lower case."""

_SPACES = "[\\s\u00a0\u202f\u2009]"
_LEADING_ZERO = r"^[-+]?0\d+$"
_LONG = r"^[-+]?\d{19,}$"
_GROUPS = {".": "[,'’ \u00a0\u202f\u2009]", ",": "[.'’ \u00a0\u202f\u2009]"}
_CURRENCY = r"(?:R\$|[€$£¥₹]|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|kr|zł)"
_LOOKED_AT = 10_000
_FEW_KINDS, _MOSTLY, _LEAST_NUMBERS = 3, 0.95, 10


@dataclass(frozen=True, slots=True)
class Numbers:
    """`values` is int64 or float64. `odd`: texts that count as missing although they are no usual word for it.

    `infinite`: values that are not finite; they count as missing too.
    """

    values: pa.ChunkedArray
    decimal: Decimal | None = None
    odd: int = 0
    infinite: int = 0


def is_named_by_digits(texts: pa.ChunkedArray) -> bool:
    """Whether digits are names here: any has a leading zero, or more digits than a number can hold."""
    return _any(pc.match_substring_regex(texts, f"{_LEADING_ZERO}|{_LONG}"))


def plain_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Numbers as a program writes them, with a decimal point; None where one is not."""
    for kind in (pa.int64(), pa.float64()):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def written_numbers(texts: pa.ChunkedArray, preferred: Decimal) -> Numbers | None:
    """Numbers as people write them: groups of thousands, a decimal comma, %, a currency, a minus behind.

    `texts` are without words for missing. `preferred` decides what `1,234` is, which may be either. None where
    the column is none of numbers.
    """
    bare = _bare(texts) if _any(pc.match_substring_regex(texts.slice(0, _LOOKED_AT), r"\d")) else None
    if bare is None:
        return None
    total = _count(texts)
    tried = [(decimal, _shaped(bare, decimal)) for decimal in (preferred, "," if preferred == "." else ".")]
    decimal, fitting = max(tried, key=lambda one: _true(one[1]))
    chosen: Decimal = "," if decimal == "," else "."
    numbers = _true(fitting)
    odd = total - numbers
    if not numbers or (odd and not _few_odd(texts, fitting, bare, numbers, total)):
        return None
    plain = pc.if_else(fitting, bare, pa.scalar(None, pa.string()))
    plain = pc.replace_substring_regex(plain, _GROUPS[chosen], "")
    plain = pc.replace_substring(plain, ",", ".") if chosen == "," else plain
    values = plain_numbers(pc.utf8_ltrim(plain, characters="+"))
    if values is None:
        return None
    return Numbers(values, chosen if _any(pc.match_substring_regex(bare, r"[.,]")) else None, odd)


def decimal_evidence(texts: pa.ChunkedArray) -> Decimal | None:
    """What a column proves about its file's decimal sign: None where `1,234` or `1.234` may be either."""
    signed = pc.any(pc.match_substring_regex(texts, "[.,]")).as_py()
    bare = _bare(without_missing_words(texts)) if signed else None
    if bare is None:
        return None
    total = _count(bare)
    commas, points = (_true(_shaped(bare, decimal)) for decimal in (",", "."))
    if not total or max(commas, points) < _MOSTLY * total or commas == points:
        return None
    return "," if commas > points else "."


def finite(numbers: Numbers) -> Numbers:
    """The same without what is infinite or no number."""
    if not pa.types.is_floating(numbers.values.type):
        return numbers
    usable = pc.is_finite(numbers.values)
    bad = _true(pc.invert(usable))
    if not bad:
        return numbers
    infinite = _true(pc.is_inf(numbers.values))
    values = pc.if_else(usable, numbers.values, pa.scalar(None, pa.float64()))
    return Numbers(values, numbers.decimal, numbers.odd, infinite)


def without_missing_words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where a text is a usual word for a missing number."""
    missing = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(MISSING_NUMBERS))
    return pc.if_else(missing, pa.scalar(None, pa.string()), texts) if _any(missing) else texts


def _bare(texts: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Texts without %, currency and brackets, a minus in front; None where only some carry a %."""
    bare = pc.replace_substring(texts, "−", "-")
    percent = pc.match_substring(bare, "%")
    marked = _true(percent)
    if marked:
        zero = pc.match_substring_regex(bare, r"^[-+]?0?([.,]0*)?$")
        if _true(pc.or_(percent, zero)) < _count(bare):
            return None
        bare = pc.replace_substring_regex(bare, f"{_SPACES}*%$", "")
    if _any(pc.match_substring_regex(bare, _CURRENCY)):
        bare = pc.replace_substring_regex(bare, f"^([-+(]?){_SPACES}*{_CURRENCY}{_SPACES}*", "\\1")
        bare = pc.replace_substring_regex(bare, f"{_SPACES}*{_CURRENCY}([-)]?)$", "\\1")
    bare = pc.replace_substring_regex(bare, r"^\(([^()]*)\)$", "-\\1")
    return pc.replace_substring_regex(bare, r"^([\d.,'’ ]+)-$", "-\\1")


def _shaped(texts: pa.ChunkedArray, decimal: Decimal) -> pa.ChunkedArray:
    """Which texts are numbers with this decimal sign; groups of thousands have three digits, and no zero in front."""
    point, group = ("\\.", _GROUPS["."]) if decimal == "." else (",", _GROUPS[","])
    whole = f"(?:\\d+|[1-9]\\d{{0,2}}(?:{group}\\d{{3}})+)"
    if decimal == ".":
        whole = f"(?:\\d+|[1-9]\\d{{0,2}}(?:{group}\\d{{3}})+|[1-9]\\d{{0,1}}(?:,\\d{{2}})+,\\d{{3}})"
    number = f"^[-+]?(?:{whole}(?:{point}\\d*)?|{point}\\d+)(?:[eE][-+]?\\d+)?$"
    return pc.match_substring_regex(texts, number)


def _few_odd(texts: pa.ChunkedArray, fitting: pa.ChunkedArray, bare: pa.ChunkedArray, numbers: int, total: int) -> bool:
    """Whether what is no number is so seldom or so uniform that it must mean missing."""
    kinds = len(pc.unique(texts.filter(pc.invert(fitting)).drop_null()))
    if len(pc.unique(bare.filter(fitting))) < _LEAST_NUMBERS:
        return False
    return (kinds <= _FEW_KINDS and numbers >= _MOSTLY * total) or (kinds == 1 and numbers >= total / 2)


def _any(mask: pa.ChunkedArray) -> bool:
    return bool(pc.any(mask).as_py())


def _true(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _count(values: pa.ChunkedArray) -> int:
    return len(values) - int(values.null_count)
