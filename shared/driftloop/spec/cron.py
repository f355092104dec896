"""Five cron fields in UTC, read without a clock: the next moment after a given one.

Written here and not taken from a package, because the next moment must be a pure function of its
arguments on every machine: no local time zone, no daylight saving.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FIELDS = ("minute", "hour", "day", "month", "weekday")
_YEARS_SEARCHED = 5
_ANY_LEAP_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def cron_problem(cron: str) -> str | None:
    """What is wrong with an expression, in a sentence; None if it can be read.

    >>> cron_problem("0 3 * * 1"), cron_problem("61 * * * *")
    (None, "cron '61 * * * *': minute 61 is not in 0…59")
    """
    try:
        _sets(cron)
    except ValueError as error:
        return f"cron {cron!r}: {error}"
    return None


def never_fires(cron: str) -> str | None:
    """That no moment fits an expression, in a sentence; None if one does.

    >>> never_fires("0 0 29 2 *"), never_fires("0 0 31 4,6 *")
    (None, "cron '0 0 31 4,6 *': there is no such day; to do nothing, leave it out")
    """
    if next_after(cron, _ANY_LEAP_YEAR) is not None:
        return None
    return f"cron {cron!r}: there is no such day; to do nothing, leave it out"


def next_after(cron: str, moment: datetime) -> datetime | None:
    """The first moment later than `moment` that fits; None if none does within five years.

    >>> next_after("0 3 * * 1", datetime(2026, 11, 22, 10, 0, tzinfo=UTC)).isoformat()
    '2026-11-23T03:00:00+00:00'
    """
    minutes, hours, days, months, weekdays = _sets(cron)
    either = cron.split()[2] != "*" and cron.split()[4] != "*"
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(_YEARS_SEARCHED * 366):
        by_date, by_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and (by_date or by_weekday if either else by_date and by_weekday):
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    found = day.replace(hour=hour, minute=minute)
                    if found > moment:
                        return found
        day += timedelta(days=1)
    return None


@lru_cache(maxsize=256)
def _sets(cron: str) -> tuple[frozenset[int], ...]:
    fields = cron.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"needs five fields (minute hour day month weekday), has {len(fields)}")
    sets = [_one(text, name, *limits) for text, name, limits in zip(fields, _FIELDS, _LIMITS, strict=True)]
    sets[4] = frozenset(day % 7 for day in sets[4])
    return tuple(sets)


def _one(text: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        first_text, dash, last_text = span.partition("-")
        first = low if span == "*" else _number(first_text, name, low, high)
        last = high if span == "*" or (step_text and not dash) else first
        if dash:
            last = _number(last_text, name, low, high)
        step = _number(step_text, "step", 1, high) if step_text else 1
        if last < first:
            raise ValueError(f"{name} {span} runs backwards")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, name: str, low: int, high: int) -> int:
    if not text.isdigit():
        raise ValueError(f"{name} {text!r} is not a number")
    if not low <= int(text) <= high:
        raise ValueError(f"{name} {text} is not in {low}…{high}")
    return int(text)
