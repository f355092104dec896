"""The combined score as a signal: said when the weighted sum of the source system's four scores passes its limit.

Why beside the budget of false alarms: the score is a sum of figures, no test, and nobody can say how often it
passes a limit by chance. So it is a warning, and is raised only where a policy gives the limit.
"""

from dataclasses import dataclass, field

RELEASE = 0.6
"""The alarm is over when the score has fallen below this part of its limit."""


@dataclass(frozen=True, slots=True)
class CombinedAlarm:
    """The score beyond its limit, and the parts that it is the sum of (weight times score)."""

    score: float
    limit: float
    parts: dict[str, float] = field(default_factory=dict)


class CombinedLatch:
    """Says once that the score of a model is over its limit; looked at with each frame, as of its last row.

    >>> latch = CombinedLatch(0.12)
    >>> [latch.look(score) for score in (0.1, 0.13, 0.14, 0.1, 0.13, 0.05, 0.2)]
    [False, True, False, False, False, False, True]
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self.alarmed = False

    def look(self, score: float) -> bool:
        """Whether the score is over its limit for the first time since it was well below."""
        if self.limit is None:
            return False
        if self.alarmed:
            self.alarmed = score >= RELEASE * self.limit
            return False
        self.alarmed = score > self.limit
        return self.alarmed

    def change(self, limit: float | None) -> None:
        """Another limit is declared; an alarm that stands stays where there still is one."""
        self.limit, self.alarmed = limit, self.alarmed and limit is not None
