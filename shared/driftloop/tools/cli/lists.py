"""Options that take several values: by comma, or by naming the option again."""

from collections.abc import Sequence


def names_of(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The names in all the texts that an option was given; none where it was not.

    >>> names_of(["default,never", "adwin"])
    ('default', 'never', 'adwin')
    """
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())
