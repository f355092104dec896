"""Measures axes point by point, each in a process forked from one that has the imports done, and the loops compiled."""

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from driftloop.errors import UserError
from driftloop.telemetry.memory import memory_mb
from driftloop.tools.bench.scale import registered
from driftloop.tools.bench.scale.axis import GROUPS, Axis, Step
from driftloop.tools.bench.scale.growth import growth

_LEAST_MB = 16.0
"""Growth below it may come out of what the process had free: no exponent is fitted to it."""

Say = Callable[[str], None]


def bench_scale(say: Say, *, quick: bool = False, only: Iterable[str] = ()) -> dict[str, Any]:
    """Points and exponents of every axis, or of those whose name begins with one of `only`.

    `quick` takes few small sizes: to see that everything runs, not to learn an exponent. Raises UserError where `only`
    names none.
    """
    begins = tuple(only)
    axes = [axis for axis in registered() if not begins or axis.name.startswith(begins)]
    if not axes:
        raise UserError(f"--only takes the beginning of a name: {', '.join(axis.name for axis in registered())}.")
    for warm_up in {axis.warm_up for axis in axes}:
        warm_up()
    found = {}
    for axis in axes:
        points = []
        for size in axis.quick if quick else axis.sizes:
            say(f"{axis.name}: {size:,}")
            points.append(_alone(axis.name, size))
        found[axis.name] = _told(axis, points)
    return {"axes": found}


def _alone(name: str, size: int) -> dict[str, Any]:
    """A point, measured in a process forked from this one; raises UserError where that gives none."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, name, size))
    process.start()
    theirs.close()
    try:
        found: dict[str, Any] = ours.recv()
    except EOFError:
        process.join()
        raise UserError(f"{name} at {size:,} ended with {process.exitcode}: what it said stands above.") from None
    process.join()
    return found


def _send(to: Connection, name: str, size: int) -> None:
    to.send(point(name, size))


def point(name: str, size: int) -> dict[str, Any]:
    """CPU seconds of a step at one size, and by how many MB the process has grown; in the process that calls."""
    work = next(axis for axis in registered() if axis.name == name).prepare(size)
    gc.collect()
    gc.freeze()  # the inputs are not what a collection goes through
    before = memory_mb()
    held = work.fill()
    seconds, last = _seconds(list(work.steps))
    gc.collect()
    grown = memory_mb() - before
    del held, last
    return {"size": size, "cpu_s": seconds, "memory_mb": round(grown, 2)}


def _seconds(steps: list[Step]) -> tuple[float, object]:
    """CPU seconds of a step, and what the last one gave."""
    last: object = None
    quickest = float("inf")
    for group in (steps[place::GROUPS] for place in range(min(GROUPS, len(steps)))):
        begun = time.process_time()
        for step in group:
            last = None
            last = step()
        quickest = min(quickest, (time.process_time() - begun) / len(group))
    return quickest, last


def _told(axis: Axis, points: list[dict[str, Any]]) -> dict[str, Any]:
    sizes = [one["size"] for one in points]
    cpu = growth(sizes, [one["cpu_s"] for one in points])
    memory = growth(sizes, [one["memory_mb"] if one["memory_mb"] >= _LEAST_MB else 0.0 for one in points])
    return {
        "of": axis.of,
        "expected": axis.expected,
        "points": points,
        "cpu": None if cpu is None else asdict(cpu) | {"superlinear": cpu.superlinear},
        "memory": None if memory is None else asdict(memory) | {"superlinear": memory.superlinear},
    }
