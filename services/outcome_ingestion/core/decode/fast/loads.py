"""Loads by address, for compiled loops: one instruction each, wherever the address points.

Why not the array itself: a call that is handed one takes over every field of it and counts who holds it, twice, which
took most of the time of a loop over many short values. Who calls keeps the array alive, and stays within it.

Compiled code is kept until the file of its source changes: who changes this file changes those that load by it too.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _load(result: types.Type, kind: ir.Type) -> Any:
    def typed(_context: Any, address: Any) -> Any:  # noqa: ARG001  (numba calls it by this name)
        def code(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            place = builder.inttoptr(arguments[0], kind.as_pointer())
            return builder.load(place, align=1, typ=kind)

        return result(types.int64), code

    return intrinsic(typed)


load_byte = _load(types.uint8, ir.IntType(8))
load_word = _load(types.uint64, ir.IntType(64))
"""Eight bytes, the first of them the lowest."""
load_double = _load(types.float64, ir.DoubleType())
