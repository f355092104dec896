"""Which calls into the Kafka client are under way, thread by thread: what a watchdog looks at.

Why: librdkafka does not keep every time-out that it is given. `send_offsets_to_transaction` waits for ever for a
coordinator that left the cluster's metadata (its issues 5456 and 5511), and several calls wait for its own
threads without any limit. A thread inside such a call cannot help itself; another one must see it.

Handing a record over (`produce`) is not watched: it takes a place in a queue, or raises, and never waits.
"""

import threading
from collections.abc import Callable, Mapping
from functools import wraps
from itertools import count
from typing import NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
OWN_CODE = None
"""In place of a call's name: the client has called us back, and what runs is our own code."""


class Step(NamedTuple):
    """What a thread has been doing since `number`, which is higher with every call that begins or ends."""

    call: str | None
    number: int


class Calls:
    """The calls of a process. Threads write their own entry only; reading needs no lock.

    >>> calls = Calls()
    >>> with calls.under_way("commit_transaction"):
    ...     [step.call for step in calls.steps().values()]
    ['commit_transaction']
    >>> [step.call for step in calls.steps().values()]
    [None]
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._steps: dict[int, Step] = {}

    def under_way(self, call: str | None) -> "UnderWay":
        """A call, or OWN_CODE within one, lasts as long as the block."""
        return UnderWay(self, call)

    def enter(self, call: str | None) -> str | None:
        """The calling thread does this from now on; what it did before."""
        thread, steps = threading.get_ident(), self._steps
        before = steps.get(thread)
        steps[thread] = Step(call, next(self._numbers))
        return before[0] if before else OWN_CODE

    def steps(self) -> Mapping[int, Step]:
        """What each thread does now, by its identifier; threads that never made a call are not there."""
        return dict(self._steps)


class UnderWay:
    """The block of one call."""

    __slots__ = ("_before", "_call", "_calls")

    def __init__(self, calls: Calls, call: str | None) -> None:
        self._calls, self._call = calls, call

    def __enter__(self) -> None:
        self._before = self._calls.enter(self._call)

    def __exit__(self, *_: object) -> None:
        self._calls.enter(self._before)


CALLS = Calls()
"""Those of this process: clients are made in many places, and a hung one is the whole process's matter."""


def watched(kind: type, names: tuple[str, ...]) -> None:
    """Let every one of a class's methods be seen while it is under way."""
    for name in names:
        setattr(kind, name, seen(name)(getattr(kind, name)))


def seen(call: str | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function be seen as this call, or as OWN_CODE, while it is under way."""

    def of(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def watched_call(*args: P.args, **named: P.kwargs) -> R:
            before = CALLS.enter(call)  # no `with`: a loop at rest does little else than to make these calls
            try:
                return function(*args, **named)
            finally:
                CALLS.enter(before)

        return watched_call

    return of
