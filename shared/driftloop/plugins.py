"""What is installed under a group of entry points.

Why it is remembered: looking through the metadata of all that is installed takes 10 ms, and a model of
fifty segments makes as many monitors at once.
"""

import re
from functools import cache
from importlib.metadata import entry_points, requires
from importlib.util import find_spec
from typing import Any


class NotInstalledError(ValueError):
    """An entry point or a package is missing; says which there are, or what to install."""


@cache
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


_DISTRIBUTIONS = {"faust": "faust-streaming", "jwt": "pyjwt", "sklearn": "scikit-learn"}


def extra_of(module: str) -> str | None:
    """The smallest extra of driftloop that brings a module; None where no extra does.

    >>> extra_of("sqlalchemy"), extra_of("sklearn.tree"), extra_of("json")
    ('cli', 'trainer', None)
    """
    name = module.partition(".")[0].lower()
    wanted = _DISTRIBUTIONS.get(name, name.replace("_", "-"))
    extras: dict[str, set[str]] = {}
    for line in requires("driftloop") or ():
        if match := re.match(r"([\w.-]+).*;\s*extra == ['\"]([\w-]+)['\"]", line):
            extras.setdefault(match[2], set()).add(match[1].lower())
    if wanted in extras.get(name, ()):
        return name
    found = [extra for extra, packages in extras.items() if wanted in packages]
    return min(found, key=lambda extra: (len(extras[extra]), extra), default=None)


def require(package: str, extra: str, what: str) -> None:
    """Raises `NotInstalledError`, with the command that mends it, where a package is missing that `what` needs.

    >>> require("json", "torch", "learner torch-mlp")
    """
    if find_spec(package) is None:
        raise NotInstalledError(f"{what} needs {package}, which is not installed: pip install 'driftloop[{extra}]'")
