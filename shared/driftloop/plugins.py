"""What is installed under a group of entry points.

Why it is remembered: looking through the metadata of all that is installed takes 10 ms, and a model of
fifty segments makes as many monitors at once.
"""

from functools import cache
from importlib.metadata import entry_points
from typing import Any


class NotInstalledError(ValueError):
    """There is no entry point of that name; says which there are."""


def installed(group: str) -> tuple[str, ...]:
    """Names of all that is installed in a group, in alphabetical order.

    >>> "adwin" in installed("driftloop.detectors")
    True
    """
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


@cache
def load(group: str, name: str) -> Any:
    """What an entry point names; raises `NotInstalledError` where there is none."""
    found = list(entry_points(group=group, name=name))
    if not found:
        kind, known = group.removeprefix("driftloop.").removesuffix("s"), ", ".join(installed(group))
        hint = (
            f"installed are {known}" if known else f"nothing is in group {group}: install driftloop anew (make setup)"
        )
        raise NotInstalledError(f"there is no {kind} {name!r}; {hint}")
    return found[0].load()
