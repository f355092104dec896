"""The room that artifacts take, as the console tells it: the store is listed now and then, not for each request."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from driftloop.artifacts.storage import Storage, stored
from driftloop.artifacts.store import ArtifactError
from driftloop.clock import Clock

KEPT = timedelta(minutes=1)


class StorageLook:
    """What lies under an address, as it was within the last minute."""

    def __init__(self, uri: str, clock: Clock, look: Callable[[str], Storage] = stored) -> None:
        self._uri, self._clock, self._look = uri, clock, look
        self._lock = threading.Lock()
        self._known: tuple[datetime, Storage | str] | None = None

    def __call__(self) -> Storage | str:
        """The storage, or a sentence that says why it is not known. It blocks while the store is asked."""
        with self._lock:
            now = self._clock()
            if self._known is None or now - self._known[0] >= KEPT:
                self._known = now, self._found()
            return self._known[1]

    def _found(self) -> Storage | str:
        try:
            return self._look(self._uri)
        except ArtifactError as error:
            return error.sentence
