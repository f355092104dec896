"""The signals of texts below what versions change: worked out once a process, whoever asks.

Low-rank changes are of a base model's topmost layers, so what its lower layers say of a text is the same for every
version, for training and for serving. What the changed layers make of it is each version's own.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from driftloop.learners.text.base import BaseModel
from driftloop.learners.text.encoder import Single

MOST_BYTES = 128 << 20
"""About 9,000 texts of ten tokens, or 700 of 128."""
_Key = tuple[str, int, tuple[int, ...]]


class BaseSignals:
    """A memory by base model (its hash), layers and tokens; those that were asked for longest ago go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._known: OrderedDict[_Key, Single] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes that are remembered now."""
        return self._bytes

    def of(self, base: BaseModel, texts: Sequence[tuple[int, ...]], layers: int) -> list[Single]:
        """The signals of texts (their tokens) after the base model's first `layers` layers. They are not written to."""
        keys: list[_Key] = [(base.sha256, layers, text) for text in texts]
        distinct = list(dict.fromkeys(keys))
        with self._lock:
            found = {key: self._known[key] for key in distinct if key in self._known}
            for key in found:
                self._known.move_to_end(key)
        fresh = [key for key in distinct if key not in found]
        computed = dict(zip(fresh, base.encoder.lower([key[2] for key in fresh], layers), strict=True))
        self._remember(computed)
        found |= computed
        return [found[key] for key in keys]

    def _remember(self, computed: dict[_Key, Single]) -> None:
        with self._lock:
            for key, signal in computed.items():
                if key in self._known or signal.nbytes > self._most_bytes:
                    continue
                kept = np.array(signal)  # by itself: a part of a block would hold the whole of it
                kept.setflags(write=False)
                self._known[key] = kept
                self._bytes += kept.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._known.popitem(last=False)[1].nbytes


base_signals = BaseSignals()
"""That of this process."""
