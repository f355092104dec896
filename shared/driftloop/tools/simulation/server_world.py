"""Twenty servers whose load is forecast: days, jobs that are planned, gaps, and a release that makes jobs heavy.

Every server has a value every 30 s. Its load follows the day in its own manner, wanders, and rises while a job runs;
jobs are planned at other times every day, so what was a day ago does not tell them. Before `RELEASE` a job is light,
after it a job is heavy. Agents that report the load fail now and then: those values are gaps for ever.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP_SECONDS = 30
DAY_STEPS = 2880
HISTORY_STEPS = 2 * DAY_STEPS
"""What is known before the first forecast."""
LIGHT_JOB, HEAVY_JOB = 4.0, 24.0
WANDER, WANDER_STEPS, NOISE = 2.2, 60.0, 1.2
JOB_STEPS, JOB_SHARE = (40, 80), 0.25
GAP_STARTS = 0.0006
STARTED_AT = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Servers:
    """Load of each server by step (servers × steps, NaN in a gap), and where a job is planned (0 or 1).

    >>> servers = servers_of(days=3, release_step=10**9, count=2)
    >>> servers.load.shape, bool(np.isnan(servers.load).any())
    ((2, 8640), True)
    """

    load: Floats
    jobs: Floats


def servers_of(days: float, release_step: int, count: int = 20, seed: int = 42) -> Servers:
    """The servers over some days, wholly determined by the arguments."""
    random = np.random.default_rng(seed)
    steps = round(days * DAY_STEPS)
    hours = 2 * np.pi * np.arange(steps) / DAY_STEPS
    level, swing = random.uniform(30, 50, (count, 1)), random.uniform(5, 12, (count, 1))
    phase, second = random.uniform(-0.6, 0.6, (count, 1)), random.uniform(1, 3, (count, 1))
    day = level + swing * np.sin(hours - 1.9 + phase) + second * np.sin(2 * hours + 3 * phase)
    jobs = _jobs(random, count, steps)
    weight = np.where(np.arange(steps) >= release_step, HEAVY_JOB, LIGHT_JOB)
    load = day + weight * jobs + _wander(random, count, steps) + NOISE * random.standard_normal((count, steps))
    load = np.clip(load, 0.5, 100.0).round(2)
    starts = random.random((count, steps)) < GAP_STARTS
    for server, step in np.argwhere(starts):
        load[server, step : step + random.integers(2, 20)] = np.nan
    return Servers(load, jobs)


def _jobs(random: np.random.Generator, count: int, steps: int) -> Floats:
    jobs = np.zeros((count, steps))
    for server in range(count):
        at = int(random.integers(0, 200))
        while at < steps:
            length = int(random.integers(*JOB_STEPS))
            jobs[server, at : at + length] = 1.0
            at += length + int(random.exponential(length * (1 / JOB_SHARE - 1)))
    return jobs


def _wander(random: np.random.Generator, count: int, steps: int) -> Floats:
    """A load that comes back to its mean within half an hour or so."""
    keep = np.exp(-1 / WANDER_STEPS)
    shocks = WANDER * np.sqrt(1 - keep**2) * random.standard_normal((steps, count))
    found = np.empty((steps, count))
    found[0] = WANDER * random.standard_normal(count)
    for step in range(1, steps):
        found[step] = keep * found[step - 1] + shocks[step]
    return found.T
