"""Which calls into the Kafka client are under way, thread by thread: what a watchdog looks at.

Why: librdkafka does not keep every time-out that it is given. `send_offsets_to_transaction` waits for ever for a
coordinator that left the cluster's metadata (its issues 5456 and 5511), and several calls wait for its own
threads without any limit. A thread inside such a call cannot help itself; another one must see it.

Handing a record over (`produce`) is not watched: it takes a place in a queue, or raises, and never waits.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from itertools import count
from typing import Any

OWN_CODE = None
"""In place of a call's name: the client has called us back, and what runs is our own code."""


@dataclass(frozen=True, slots=True)
class Step:
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

    @contextmanager
    def under_way(self, call: str | None) -> Iterator[None]:
        """A call, or OWN_CODE within one, lasts as long as the block."""
        thread = threading.get_ident()
        before = self._steps.get(thread)
        self._steps[thread] = Step(call, next(self._numbers))
        try:
            yield
        finally:
            self._steps[thread] = Step(before.call if before else OWN_CODE, next(self._numbers))

    def steps(self) -> Mapping[int, Step]:
        """What each thread does now, by its identifier; threads that never made a call are not there."""
        return dict(self._steps)


CALLS = Calls()
"""Those of this process: clients are made in many places, and a hung one is the whole process's matter."""


def watched(kind: type, names: tuple[str, ...]) -> None:
    """Let every one of a class's methods be seen while it is under way."""
    for name in names:
        setattr(kind, name, _seen(name, getattr(kind, name)))


def _seen(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **named: Any) -> Any:
        with CALLS.under_way(name):
            return method(*args, **named)

    return call
