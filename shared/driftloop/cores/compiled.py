"""Loops that are compiled to machine code when first imported, and kept for the next start.

Why compiled: what numpy does to a batch it does in a dozen passes over all of it; one loop that looks at each value
once takes a fifth of that. Compiled code is kept beside the sources, or where they cannot be written in the user's
cache folder (`NUMBA_CACHE_DIR` names another). Where neither can be written it is compiled anew at each start,
which takes seconds.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
F = TypeVar("F", bound=Callable[..., Any])


def compiled(signature: Any) -> Callable[[F], F]:
    """Compile a function for arguments of these types, at once. It holds no lock while it runs."""

    def now(function: F) -> F:
        try:
            return cast("F", njit(signature, cache=True, **_OPTIONS)(function))
        except RuntimeError as error:
            if "no locator" not in str(error):
                raise
            return cast("F", njit(signature, **_OPTIONS)(function))

    return now


def part(function: F) -> F:
    """A part of compiled functions of the same file; it stands wherever it is called.

    Why: a call hands its results over in memory, and a loop over short values then waits for that more than it reads.
    """
    return cast("F", njit(forceinline=True, **_OPTIONS)(function))
