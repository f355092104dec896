"""Puts the simulated Kafka and its time in the place of the real ones, for the modules of `driftloop.kafka`.

All clients are built in one module from three classes, and time is asked of the module `time`: so three names and each
module's `time` (and `threading`, for the event that a loop waits on) are all that is exchanged.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from tests.simulation.clients.admin import SimulatedAdmin
from tests.simulation.clients.consumer import SimulatedConsumer
from tests.simulation.clients.producer import SimulatedProducer
from tests.simulation.current import CURRENT

import driftloop.kafka.clients.clients as client_classes
import driftloop.kafka.loop.loop  # noqa: F401  (what it imports is exchanged too)
import driftloop.kafka.loop.topic_watch as topic_watch
from driftloop.kafka.clients.under_way import CALLS

_CLASSES = {"Consumer": SimulatedConsumer, "Producer": SimulatedProducer, "AdminClient": SimulatedAdmin}


class VirtualTime:
    """`time` as the modules of `driftloop.kafka` use it."""

    def monotonic(self) -> float:
        """Seconds of the world."""
        return CURRENT.world.now

    def sleep(self, seconds: float) -> None:
        """Let the others go on."""
        CURRENT.world.sleep(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class VirtualEvent:
    """`threading.Event` of which a wait is virtual."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._set

    def set(self) -> None:
        """Set it."""
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait in the world's time."""
        if not self._set:
            CURRENT.world.sleep(timeout or 0.0)
        return self._set


class VirtualThreading:
    """`threading` with virtual events."""

    Event = VirtualEvent

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


def _unseen(call: str | None) -> None:
    """No watchdog looks at the calls that are under way: to note them takes a twentieth of a run."""


@contextmanager
def simulated() -> Iterator[None]:
    """While the block runs, `driftloop.kafka` talks to the simulated Kafka, silently."""
    before: list[tuple[Any, str, Any]] = []

    def exchange(owner: Any, name: str, new: Any) -> None:
        before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new)

    for name, kind in _CLASSES.items():
        exchange(client_classes, name, kind)
    for module in [m for name, m in sys.modules.items() if name.startswith("driftloop.kafka.")]:
        if getattr(module, "time", None) is time:
            exchange(module, "time", VirtualTime())
        if getattr(module, "threading", None) is threading and not module.__name__.endswith(("under_way", "watchdog")):
            exchange(module, "threading", VirtualThreading())
    exchange(CALLS, "enter", _unseen)
    defaults = dict(topic_watch.TopicWatch.__init__.__kwdefaults__ or {})
    topic_watch.TopicWatch.__init__.__kwdefaults__ = {**defaults, "clock": lambda: CURRENT.world.now}
    said = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**said)
        topic_watch.TopicWatch.__init__.__kwdefaults__ = defaults
        for owner, name, old in reversed(before):
            setattr(owner, name, old)
