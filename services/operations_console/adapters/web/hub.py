"""Passes changes on to all that follow them: event streams, and requests that wait for an answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from operations_console.core.view.fleet import Change
from operations_console.core.view.history import History

Numbered = tuple[str, Change]
_LONGEST_QUEUE = 2_000


class Hub:
    """Used in the thread of the event loop only.

    A follower that does not keep up is let go: its stream ends, and it reads anew.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self._queues: set[asyncio.Queue[Numbered | None]] = set()
        self._closed = False

    @property
    def followers(self) -> int:
        """How many follow now."""
        return len(self._queues)

    def tell(self, change: Change) -> None:
        """Pass a change on."""
        number = self.history.add(change)
        for queue in tuple(self._queues):
            if queue.qsize() >= _LONGEST_QUEUE:
                self._queues.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait((number, change))

    def close(self) -> None:
        """End every stream, and those that begin from now on."""
        self._closed = True
        for queue in self._queues:
            queue.put_nowait(None)

    @contextmanager
    def follow(self) -> Iterator["asyncio.Queue[Numbered | None]"]:
        """A queue of changes from now on; None ends it."""
        queue: asyncio.Queue[Numbered | None] = asyncio.Queue()
        self._queues.add(queue)
        if self._closed:
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


async def changes(queue: "asyncio.Queue[Numbered | None]", seconds: float) -> AsyncIterator[Change]:
    """Changes from a queue for so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (left := deadline - loop.time()) > 0:
        try:
            numbered = await asyncio.wait_for(queue.get(), left)
        except TimeoutError:
            return
        if numbered is None:
            return
        yield numbered[1]


async def seen(queue: "asyncio.Queue[Numbered | None]", topic: str, there: Callable[[], bool], seconds: float) -> None:
    """Return as soon as something is `there` that a change of this topic brings, or after so many seconds."""
    if there():
        return
    async for change in changes(queue, seconds):
        if change.topic == topic and there():
            return
