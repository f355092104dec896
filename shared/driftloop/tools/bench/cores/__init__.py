"""Work in memory whose speed is compared: with an earlier build (`bench versus`), and with a peer (its smoke).

A module in this folder that has `CASES` is found; nothing else registers it. Its modules import what both builds have:
in `bench versus` they run on the earlier build's own `driftloop`.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from driftloop.tools.bench.cores.case import Case


def registered() -> Iterator[tuple[str, Case]]:
    """Each case with the name of its module, modules in order of their names."""
    for module in sorted(one.name for one in iter_modules(__path__)):
        for case in getattr(import_module(f"{__name__}.{module}"), "CASES", ()):
            yield module, case
