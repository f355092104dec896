"""The compiled loop that reads records of one shape: what stands between values, and the values.

A record is taken only where it is, byte by byte, what the usual decoder reads to the same values; every
other is left to that decoder. So what is unusual here (an escape, a letter beyond ASCII, a time with
seven decimals) costs time and never a wrong answer.

All parts stand in this file because compiled code is kept until the file of its source changes.

Numbers that are no value, and where they stand:

| name           | value            | where                       | means                                             |
|----------------|------------------|-----------------------------|---------------------------------------------------|
| `_UNFIT`       | -1               | a place behind a value      | the record is not of this shape                   |
| `NO_ROW`       | -1               | `Shape.slots[s, 2]`         | the value is checked, and nothing reads it        |
| `NO_ROWS`      | 0                | `Outputs.counts[i]`         | the record does not fit, or there was no room     |
| `NO_TEXT`      | -1               | `Outputs.sizes`             | the text is null                                  |
| `NO_MOMENT`    | the least int64  | `Outputs.moments`           | the time is null                                  |
| `_NO_DIGIT`    | -1               | `_digit`                    | no digit stands there                             |
| `_NO_PAIR`     | 10,000           | `_two`                      | no two digits: out of range of all that has two   |
| `_NO_DAY`      | -1               | `_days`                     | there is no such day, or it is before 1970        |

A number that is null has a 1 in `Outputs.missing`, and no value of its own in `Outputs.numbers`.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import NDArray

from outcome_ingestion.core.decode.fast.compiled import BYTES, compiled, part
from outcome_ingestion.core.decode.fast.loads import load_byte as _byte
from outcome_ingestion.core.decode.fast.loads import load_double as _double
from outcome_ingestion.core.decode.fast.loads import load_word as _word

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

TEXT, NUMBER, MOMENT = 0, 1, 2
AVRO_TEXT, AVRO_NUMBER, AVRO_WHOLE, AVRO_MOMENT = 3, 4, 5, 6
"""What a value is. The first three stand in JSON (texts and moments between quotes), the others in Avro."""

NO_TEXT, NO_MOMENT, NO_ROW, NO_ROWS = -1, np.iinfo(np.int64).min, -1, 0
_UNFIT, _NO_DIGIT, _NO_PAIR, _NO_DAY = -1, -1, 10_000, -1
_QUOTE, _BACKSLASH, _SPACE, _ASCII_END = 0x22, 0x5C, 0x20, 0x80
_MINUS, _PLUS, _POINT, _COLON, _ZERO = 0x2D, 0x2B, 0x2E, 0x3A, 0x30
_OPENING, _CLOSING, _COMMA = 0x5B, 0x5D, 0x2C
_NULL_BYTES, _DOUBLE_BYTES, _SECOND_BRANCH = 4, 8, 2
_SOUND, _NULL, _HARD = 0, 1, 2
_MOST_DIGITS, _EXACT, _MOST_POWER = 19, np.uint64(1 << 53), 22
_EXACT_WHOLE = 1 << 53
_POWERS = np.array([10.0**power for power in range(_MOST_POWER + 1)])
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_TOPS, _ONES = np.uint64(0x8080808080808080), np.uint64(0x0101010101010101)
_ZEROS, _QUOTES, _BACKSLASHES, _SPACES = (_ONES * np.uint64(byte) for byte in (_ZERO, _QUOTE, _BACKSLASH, _SPACE))
_PAST_NINE = _ONES * np.uint64(0x80 - 10)
_PAIRS, _FOURS, _EIGHTS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0xFFFFFFFF)
_TENS = np.array([10**power for power in range(9)], dtype=np.uint64)
_WORD = 8
"""Bytes that are looked at at once: so many must stand behind the last record."""
_zeros_below: Any = trailing_zeros
"""How many bits stand below the lowest that is set; an eighth of that is how many bytes."""
_DAY_US, _HOUR_US, _MINUTE_US, _SECOND_US = 86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000
_LONGEST_FRACTION = 6


@part
def _same(at, other, size):
    """Whether so many bytes agree: eight at a time, the last eight perhaps twice."""
    if size < _WORD:
        differ = np.uint8(0)
        for i in range(size):
            differ |= _byte(at + i) ^ _byte(other + i)
        return differ == 0
    last = size - _WORD
    differ_at = _word(at + last) ^ _word(other + last)
    for i in range(0, last, _WORD):
        differ_at |= _word(at + i) ^ _word(other + i)
    return differ_at == 0


@part
def _digit(at, end):
    """The digit that stands there, if one does."""
    if at >= end:
        return _NO_DIGIT
    digit = np.int64(_byte(at)) - _ZERO
    return digit if 0 <= digit <= 9 else _NO_DIGIT


@part
def _digits(at, end):
    """(How many digits stand there, up to eight; their value; how many of them are behind leading zeros).

    Digits are added in pairs, fours and eights, all of a word at once.
    """
    word = _word(at) ^ _ZEROS
    count = np.int64(_zeros_below(((word + _PAST_NINE) | word) & _TOPS) >> np.uint64(3))
    count = min(count, end - at)
    if count <= 0:
        return 0, np.uint64(0), 0
    word <<= np.uint64(8 * (_WORD - count))
    significant = _WORD - np.int64(_zeros_below(word) >> np.uint64(3))
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & _PAIRS
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & _FOURS
    return count, (word * np.uint64(10_000) + (word >> np.uint64(32))) & _EIGHTS, significant


@part
def _text_end(at, end):
    """Where the quote behind a plain text is.

    Of the marks that are found in a word the first is a true one; a borrow makes false ones behind it only.
    """
    while at < end:
        word = _word(at)
        quotes, backslashes = word ^ _QUOTES, word ^ _BACKSLASHES
        marks = (quotes - _ONES) & ~quotes | (backslashes - _ONES) & ~backslashes | (word - _SPACES) & ~word | word
        marks &= _TOPS
        if marks != 0:
            at += np.int64(_zeros_below(marks) >> np.uint64(3))
            return at if at < end and _byte(at) == _QUOTE else _UNFIT
        at += _WORD
    return _UNFIT


@part
def _null_at(at, end):
    return (
        end - at >= 4
        and _byte(at) == 0x6E
        and _byte(at + 1) == 0x75
        and _byte(at + 2) == 0x6C
        and _byte(at + 3) == 0x6C
    )


@part
def _whole_part(at, end):
    """(Place behind it, its value, its digits) of the digits before the point; a zero stands alone."""
    count, value, _ = _digits(at, end)
    if count == 0:
        return _UNFIT, np.uint64(0), 0
    leading = np.int64(_byte(at) == _ZERO)
    if count > 1 and leading:
        return _UNFIT, np.uint64(0), 0
    at, total = at + count, count - leading
    while count == _WORD:
        count, more, _ = _digits(at, end)
        value = value * _TENS[count] + more
        at, total = at + count, total + count
    return at, value, total


@part
def _fraction(at, end, value, count):
    """(Place behind it, value and digits with those behind the point, how many those are)."""
    first = at + 1
    at, size = first, _WORD
    while size == _WORD:
        size, more, significant = _digits(at, end)
        value = value * _TENS[size] + more
        count += size if count > 0 else significant
        at += size
    return (_UNFIT if at == first else at), value, count, at - first


@part
def _exponent(at, end):
    """(Place behind it, its value) of what stands behind an e."""
    at += 1
    sign = 1
    if at < end and (_byte(at) == _PLUS or _byte(at) == _MINUS):
        sign = -1 if _byte(at) == _MINUS else 1
        at += 1
    digit, value, first = _digit(at, end), 0, at
    while digit >= 0:
        value = min(value * 10 + digit, 100_000)
        at += 1
        digit = _digit(at, end)
    return (_UNFIT if at == first else at), sign * value


@part
def _number(at, end):
    """(Place behind it, its value, whether that is exact) of a number as JSON writes it.

    Exact: the digits are a whole number under 2**53 and the power of ten is a double, so that one
    operation rounds once (W. D. Clinger, How to read floating point numbers accurately, 1990). The
    others are for a library to read. `-0` is left out: it is a whole number to some, no zero to others.
    """
    negative = at < end and _byte(at) == _MINUS
    at += negative
    at, digits, count = _whole_part(at, end)
    if at < 0:
        return at, 0.0, True
    power, plain = 0, True
    if at < end and _byte(at) == _POINT:
        at, digits, count, after = _fraction(at, end, digits, count)
        power, plain = -after, False
    if at > 0 and at < end and (_byte(at) == 0x65 or _byte(at) == 0x45):
        at, shown = _exponent(at, end)
        power, plain = power + shown, False
    if at < 0 or (negative and plain and count == 0):
        return _UNFIT, 0.0, True
    value = np.float64(digits)
    exact = count == 0 or (count <= _MOST_DIGITS and digits <= _EXACT and -_MOST_POWER <= power <= _MOST_POWER)
    if exact and count > 0:
        value = value / _POWERS[-power] if power < 0 else value * _POWERS[power]
    return at, (-value if negative else value), exact


@part
def _two(at):
    """The number that two digits are, if they are digits."""
    tens, ones = np.int64(_byte(at)) - _ZERO, np.int64(_byte(at + 1)) - _ZERO
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else _NO_PAIR


@part
def _days(year, month, day):
    """Days since 1970, if there is such a day (H. Hinnant, chrono-compatible low-level date algorithms)."""
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    longest = 30 + (month + month // 8) % 2
    if month == 2:
        longest = 29 if leap else 28
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= day <= longest):
        return _NO_DAY
    shifted = year - (month <= 2)
    era, of_era = shifted // 400, shifted % 400
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@part
def _zone(at, end):
    """(Place behind it, microseconds east of Greenwich) of a zone: Z, or hours and minutes."""
    if at < end and _byte(at) == 0x5A:
        return at + 1, 0
    if end - at < 6 or (_byte(at) != _PLUS and _byte(at) != _MINUS) or _byte(at + 3) != _COLON:
        return _UNFIT, 0
    hours, minutes = _two(at + 1), _two(at + 4)
    if hours > 23 or minutes > 59:
        return _UNFIT, 0
    east = hours * _HOUR_US + minutes * _MINUTE_US
    return at + 6, (-east if _byte(at) == _MINUS else east)


@part
def _moment(at, end):
    """(Place behind it, microseconds since 1970) of a time as RFC 3339 writes it, to microseconds."""
    if end - at < 20 or _byte(at + 10) != 0x54 or _byte(at + 13) != _COLON or _byte(at + 16) != _COLON:
        return _UNFIT, 0
    if _byte(at + 4) != _MINUS or _byte(at + 7) != _MINUS:
        return _UNFIT, 0
    days = _days(_two(at) * 100 + _two(at + 2), _two(at + 5), _two(at + 8))
    hours, minutes, seconds = _two(at + 11), _two(at + 14), _two(at + 17)
    if days < 0 or hours > 23 or minutes > 59 or seconds > 59:
        return _UNFIT, 0
    at += 19
    fraction = np.int64(0)
    if _byte(at) == _POINT:
        count, digits, _ = _digits(at + 1, end)
        if count == 0 or count > _LONGEST_FRACTION:
            return _UNFIT, 0
        fraction = np.int64(digits * _TENS[_LONGEST_FRACTION - count])
        at += 1 + count
    at, east = _zone(at, end)
    return at, days * _DAY_US + hours * _HOUR_US + minutes * _MINUTE_US + seconds * _SECOND_US + fraction - east


@part
def _long(at, end):
    """(Place behind it, its value) of a whole number in Avro: seven bits a byte, signs folded in."""
    value, shift = np.uint64(0), np.uint64(0)
    while at < end and shift < 64:
        byte = np.uint64(_byte(at))
        at += 1
        if shift == 63 and byte > 1:
            return _UNFIT, 0
        value |= (byte & np.uint64(0x7F)) << shift
        if byte < 0x80:
            return at, np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))
        shift += np.uint64(7)
    return _UNFIT, 0


@part
def _avro_text(at, end):
    """(Where a plain text begins, where it ends) behind its length."""
    at, size = _long(at, end)
    if at < 0 or size < 0 or size > end - at:
        return _UNFIT, _UNFIT
    odd = np.uint64(0)
    for i in range(0, size - _WORD + 1, _WORD):
        odd |= _word(at + i)
    left = size % _WORD
    odd |= _word(at + size - left) & ((np.uint64(1) << np.uint64(8 * left)) - np.uint64(1))
    return (_UNFIT if odd & _TOPS else at), at + size


@part
def _json_value(at, end, kind, nullable):
    """(Place behind it, number, moment or where it begins, size, state) of a value without quotes."""
    if kind == TEXT:
        stop = _text_end(at, end)
        return stop, 0.0, at, stop - at, _SOUND
    if kind == MOMENT:
        at, moment = _moment(at, end)
        return at, 0.0, moment, 0, _SOUND
    if nullable and _null_at(at, end):
        return at + _NULL_BYTES, 0.0, 0, 0, _NULL
    stop, number, exact = _number(at, end)
    return stop, number, at, stop - at, (_SOUND if exact else _HARD)


@part
def _listed_value(at, end, kind, nullable):
    """The same of a value in a list: texts and moments have their quotes, or are null."""
    at = _behind_spaces(at, end)
    if kind == NUMBER:
        return _json_value(at, end, kind, nullable)
    if _null_at(at, end):
        return at + _NULL_BYTES, 0.0, 0, 0, _NULL
    if at >= end or _byte(at) != _QUOTE:
        return _UNFIT, 0.0, 0, 0, _SOUND
    at, number, whole, size, state = _json_value(at + 1, end, kind, nullable)
    closed = 0 <= at < end and _byte(at) == _QUOTE
    return (at + 1 if closed else _UNFIT), number, whole, size, state


@part
def _avro_value(at, end, kind, nullable):
    """The same of a value in Avro; a number that is nullable has its branch before it, the first of two is null."""
    if kind == AVRO_TEXT:
        first, stop = _avro_text(at, end)
        return (stop if first >= 0 else _UNFIT), 0.0, first, stop - first, _SOUND
    if kind == AVRO_MOMENT or kind == AVRO_WHOLE:
        at, whole = _long(at, end)
        exact = whole != NO_MOMENT if kind == AVRO_MOMENT else -_EXACT_WHOLE <= whole <= _EXACT_WHOLE
        return (at if exact else _UNFIT), np.float64(whole), whole, 0, _SOUND
    if nullable:
        branch = _byte(at) if at < end else _UNFIT
        if branch == 0:
            return at + 1, 0.0, 0, 0, _NULL
        at = at + 1 if branch == _SECOND_BRANCH else end
    if end - at < _DOUBLE_BYTES:
        return _UNFIT, 0.0, 0, 0, _SOUND
    number = _double(at)
    return (at + _DOUBLE_BYTES if np.isfinite(number) else _UNFIT), number, 0, 0, _SOUND


@part
def _behind_spaces(at, end):
    while at < end and _byte(at) == _SPACE:
        at += 1
    return at


@part
def _behind_value(at, end):
    """(Place behind it, whether more follow) of what stands behind a value in a list."""
    if at < end and _byte(at) == _COMMA:
        return at + 1, True
    return (at + 1 if at < end and _byte(at) == _CLOSING else _UNFIT), False


class Source(NamedTuple):
    """Records laid end to end: number `i` stands from `begins[i]` to `ends[i]`.

    With `lists` each value of a record is a list, all of a record of one length: it holds that many rows.
    """

    data: Bytes
    begins: Ints
    ends: Ints
    lists: bool


class Shape(NamedTuple):
    """What the records have in common: `fixed` bytes, up to `fixed_ends[s]` before value `s` and the rest at the end.

    `slots[s]` says what value `s` is: (kind, whether it may be null, row of its output or `NO_ROW`).
    """

    fixed: Bytes
    fixed_ends: Ints
    slots: Ints


class Outputs(NamedTuple):
    """What is read. `counts[i]` says how many rows record `i` has, `NO_ROWS` if it does not fit.

    Each kind of value has arrays with a row for each of its slots, and a column for each row that fits, one after
    the other: texts where they begin in the data and their `sizes`; numbers and whether each is `missing`; moments in
    microseconds since 1970. `hard` lists the numbers that one operation does not read exactly: (row of `numbers`,
    column, where its text begins, the size of that).
    """

    counts: Ints
    starts: Ints
    sizes: Ints
    numbers: Doubles
    missing: Bytes
    moments: Ints
    hard: Ints


_INTS = types.Array(types.int64, 1, "C")
_WHOLES, _NUMBERS, _FLAGS = (types.Array(kind, 2, "C") for kind in (types.int64, types.float64, types.uint8))
_SOURCE = types.NamedTuple((BYTES, _INTS, _INTS, types.boolean), Source)
_SHAPE = types.NamedTuple((BYTES, _INTS, _WHOLES), Shape)
_OUTPUTS = types.NamedTuple((_INTS, _WHOLES, _WHOLES, _NUMBERS, _FLAGS, _WHOLES, _WHOLES), Outputs)


@compiled(types.UniTuple(types.int64, 2)(_SOURCE, _SHAPE, _OUTPUTS))
def read_records(source: Source, shape: Shape, outputs: Outputs) -> tuple[int, int]:  # noqa: C901, PLR0912
    """Read the records of `source` that have `shape`; how many rows those hold, and how many numbers are hard.

    Why one long function: a call hands over every field of every array, and counts who holds it. Only what
    needs no array but the bytes is a part of its own: with the outputs handed on, all took three times as long.
    """
    data, begins, ends, lists = source
    fixed, fixed_ends, slots = shape
    counts, starts, sizes, numbers, missing, moments, hard = outputs
    done, hards, room = 0, 0, numbers.shape[1]
    base, common = np.int64(data.ctypes.data), np.int64(fixed.ctypes.data)
    for i in range(len(begins)):
        at, end, before, own, rows = base + begins[i], base + ends[i], 0, hards, 0
        for s in range(len(slots)):
            size = fixed_ends[s] - before
            if size > end - at or not _same(at, common + before, size):
                at = _UNFIT
                break
            at, before = at + size, fixed_ends[s]
            kind, nullable, place = slots[s, 0], slots[s, 1] != 0, slots[s, 2]
            row, more = done, True
            if lists:
                at = at + 1 if at < end and _byte(at) == _OPENING else _UNFIT
            while more and at >= 0 and row < room:
                if lists:
                    at, number, whole, length, state = _listed_value(at, end, kind, nullable)
                elif kind <= MOMENT:
                    at, number, whole, length, state = _json_value(at, end, kind, nullable)
                else:
                    at, number, whole, length, state = _avro_value(at, end, kind, nullable)
                if at >= 0 and place != NO_ROW:
                    if kind == NUMBER or kind == AVRO_NUMBER or kind == AVRO_WHOLE:
                        numbers[place, row], missing[place, row] = number, state == _NULL
                        if state == _HARD:
                            hard[own, 0], hard[own, 1], hard[own, 2], hard[own, 3] = place, row, whole - base, length
                            own += 1
                    elif kind == MOMENT or kind == AVRO_MOMENT:
                        moments[place, row] = whole if state == _SOUND else NO_MOMENT
                    else:
                        starts[place, row], sizes[place, row] = whole - base, (length if state == _SOUND else NO_TEXT)
                row, more = row + 1, False
                if lists and at >= 0:
                    at, more = _behind_value(at, end)
            if at < 0 or more or (s > 0 and row - done != rows):
                at = _UNFIT
                break
            rows = row - done
        fits = at >= 0 and end - at == len(fixed) - before and _same(at, common + before, end - at)
        counts[i] = rows if fits else NO_ROWS
        if fits:
            done, hards = done + rows, own
    return done, hards


@compiled(types.void(BYTES, _INTS, _INTS, types.Array(types.int32, 1, "C"), types.Array(types.uint8, 1, "C")))
def gather(data: Bytes, starts: Ints, sizes: Ints, offsets: NDArray[np.int32], texts: Bytes) -> None:
    """Lay pieces of `data` end to end; `offsets` (one more than pieces) say where each begins."""
    at = 0
    for i in range(len(starts)):
        offsets[i] = at
        for k in range(sizes[i]):
            texts[np.uint64(at + k)] = data[np.uint64(starts[i] + k)]
        at += max(0, sizes[i])
    offsets[len(starts)] = at


@compiled(types.int64(BYTES, types.uint8))
def count_bytes(data: Bytes, byte: int) -> int:
    """How many bytes are this one."""
    count = 0
    for i in range(len(data)):
        count += data[i] == byte
    return count
