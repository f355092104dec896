"""Something that a user may have more of, and the work whose cost is measured at several sizes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Step = Callable[[], object]

GROUPS = 3
"""Parts that steps are measured in; the quickest counts, since a neighbour can only make one slower."""


def nothing() -> None:
    """Of work that needs nothing to be there first."""


@dataclass(frozen=True, slots=True)
class Work:
    """`fill` brings the core to its size, unmeasured but for memory; the CPU time is that of one of the `steps`.

    Steps are alike. What `fill` gives is held until memory has been read, and so is what the last step gives.
    """

    steps: Sequence[Step]
    fill: Step = nothing


@dataclass(frozen=True, slots=True)
class Axis:
    """`of` says what a second is spent on. `expected`: the exponent that the work has by its nature, 0 or 1.

    `prepare` makes the inputs of a size, which neither time nor memory counts. `warm_up` loads, once for all points,
    what is loaded at first use.
    """

    name: str
    of: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Work]
    quick: tuple[int, ...]
    expected: int = 1
    warm_up: Step = nothing
