"""How the cost of a core grows: CPU time and memory at sizes two decades apart, and the exponent that they show.

A module in this folder that has `AXES` is found; nothing else registers it. Each point is measured in a process of its
own, so that neither what an earlier one left behind nor its caches count.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from driftloop.tools.bench.scale.axis import Axis


def registered() -> Iterator[Axis]:
    """Each axis, modules in order of their names."""
    for module in sorted(one.name for one in iter_modules(__path__)):
        yield from getattr(import_module(f"{__name__}.{module}"), "AXES", ())
