"""What is measured without a broker, in CPU time."""

from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], int]
"""Does its work once, and says how many rows it were."""


@dataclass(frozen=True, slots=True)
class Case:
    """Work whose rows per CPU-second are compared; its processes' CPU time counts too.

    `prepare` is called before each run, unmeasured, and gives the same work each time (cache inputs that are dear).
    `peer` names the work in `calibration.PEERS` that is alike in kind: another machine changes both. A case of the
    smoke takes half a second at most. `command`: what `driftloop` is given, where the work is to start it. `goal`: rows
    per CPU-second asked for, over those of the earlier build.
    """

    name: str
    prepare: Callable[[], Work]
    peer: str = "small arrays"
    goal: float | None = None
    in_smoke: bool = True
    command: tuple[str, ...] = ()
