"""Compiled loops that are loaded once work is large enough for them, where numba is installed.

Why not from the start: to load numba takes half a second and 60 MB, which a fleet of small frames is not worth.
"""

from collections.abc import Callable
from types import ModuleType


class OnDemand:
    """A module of compiled loops. `load` imports it; work of `worth` units and more is large enough.

    What it gives is what the loops by numpy give: only time depends on it.
    """

    def __init__(self, load: Callable[[], ModuleType], worth: int) -> None:
        self.worth = worth
        self._load = load
        self._asked = False
        self._module: ModuleType | None = None

    def for_size(self, size: int) -> ModuleType | None:
        """The module for work of that size if it is large; None without numba."""
        if size < self.worth:
            return None
        if not self._asked:
            try:
                self._module = self._load()
            except ModuleNotFoundError as error:
                if error.name != "numba":
                    raise
            self._asked = True
        return self._module

    def loaded(self) -> ModuleType | None:
        """The module for work of any size, if large work has been met."""
        return self._module
