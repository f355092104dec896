"""What the compiled loops over bytes are made with (`driftloop.cores.compiled`)."""

from numba import types

from driftloop.cores.compiled import compiled, part

__all__ = ["BYTES", "compiled", "part"]

BYTES = types.Array(types.uint8, 1, "C", readonly=True)
"""The bytes of a text or a record: never written."""
