"""Watches the losses of a version by the rules of a preset.

A rule latches: it is said once, and left only when it has not held for as many rows as its window has.
Without that, a mean that wavers about its limit is an alarm at every other look.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.monitors.error_monitor import Alarm
from drift_detection.core.presets import Rule
from driftloop.statistics.two_samples import four_tests

Floats = NDArray[np.float64]


class RuleMonitor:
    """One rule on the losses of one version; `reference` is the version's mean loss on rows it did not learn.

    >>> from drift_detection.core.presets import PRESETS
    >>> monitor = RuleMonitor(PRESETS["plant-regression"][0], 0.05)
    >>> [alarm.index for alarm in monitor.push(np.r_[np.full(60, 0.05), np.full(60, 0.3)])]
    [74]
    """

    def __init__(self, rule: Rule, reference: float | None) -> None:
        self.rule = rule
        self._reference = reference
        self._first = np.zeros(0)
        self._last = np.zeros(0)
        self._rows = 0
        self._stands = False
        self._calm_rows = 0

    def push(self, losses: Floats) -> list[Alarm]:
        """Take in losses; gives the alarms among them."""
        rule, before = self.rule, len(self._last)
        self._first = np.concatenate((self._first, losses[: rule.window - len(self._first)]))
        held = np.concatenate((self._last, losses))
        alarms = []
        first_look = -(-(self._rows + 1) // rule.every) * rule.every
        for count in range(first_look, self._rows + len(losses) + 1, rule.every):
            stop = before + count - self._rows
            if count >= 2 * rule.window or (count >= rule.window and rule.kind == "above"):
                alarms.extend(self._look(held[stop - rule.window : stop], stop - before - 1))
        self._rows += len(losses)
        self._last = held[-rule.window :]
        return alarms

    def _look(self, window: Floats, index: int) -> list[Alarm]:
        rule, current = self.rule, float(window.mean())
        reference = self._reference if self._reference is not None else float(self._first.mean())
        statistic, limit, holds = current, rule.limit, current > rule.limit
        if rule.kind == "rise":
            statistic, holds = current - reference, current - reference > rule.limit
        elif rule.kind == "battery":
            found = four_tests(self._first, window, rule.limit)
            statistic = min(found.p_values.values(), default=1.0)
            holds = bool(found.alarmed) and current > float(self._first.mean())
        fresh = holds and not self._stands
        self._calm_rows = 0 if holds else self._calm_rows + rule.every
        self._stands = holds or (self._stands and self._calm_rows < rule.window)
        return [Alarm(index, rule.window, statistic, limit, reference, len(self._first), current)] if fresh else []

    @property
    def alarmed(self) -> bool:
        """Whether the rule holds, or held within the last rows of its window's length."""
        return self._stands

    def snapshot(self) -> list[Any]:
        """Rows, windows and latch."""
        return [self._rows, self._stands, self._first.tolist(), self._last.tolist(), self._calm_rows]

    def restore(self, state: list[Any]) -> None:
        """Take up where `snapshot` left off."""
        self._rows, self._stands, self._calm_rows = state[0], state[1], state[4]
        self._first, self._last = np.array(state[2], dtype=np.float64), np.array(state[3], dtype=np.float64)
