"""What each version answered in each channel of late: what servers draw by, where several versions share traffic.

Counted are labelled rows in their order, one by one, so it does not depend on how rows were batched. The first label
of a row counts; a correction of it changes nothing here.
"""

from collections.abc import Mapping
from typing import Any

from drift_detection.core.rows import FrameRows
from driftloop.spec.variants import VariantRule
from driftloop.statistics.thompson import Belief, told

MOST_CHANNELS = 50
"""Channels of a model that are told apart: the first to come."""
MOST_VERSIONS = 16
"""Versions of a channel that are remembered; the one without an outcome for longest makes room."""


class VariantAnswersByChannel:
    """Beliefs by channel and version. Without a rule nothing is counted."""

    def __init__(self, rule: VariantRule | None) -> None:
        self._rule = rule
        self.channels: dict[str, dict[str, Belief]] = {}

    def change(self, rule: VariantRule | None, *, anew: bool) -> None:
        """Another rule; what was counted of another segment is forgotten, and with `anew` all is."""
        if anew or rule is None or self._rule is None or rule.channel != self._rule.channel:
            self.channels = {}
        self._rule = rule

    def take(self, rows: FrameRows) -> None:
        """Count the labelled rows of a frame: right is 1 less the loss, and 0 at least."""
        if self._rule is None or not len(rows.judged):
            return
        name = self._rule.channel
        codes, values = next((codes, values) for field, codes, values in rows.segments() if field == name)
        versions, names = rows.versions
        which = rows.judged
        columns = codes[which].tolist(), versions[which].tolist(), rows.losses[which].tolist()
        for channel, version, loss in zip(*columns, strict=True):
            if channel >= 0 and version >= 0:
                self._count(values[channel], names[version], max(1.0 - loss, 0.0))

    def _count(self, channel: str, version: str, right: float) -> None:
        assert self._rule is not None
        if channel not in self.channels and len(self.channels) >= MOST_CHANNELS:
            return
        known = self.channels.setdefault(channel, {})
        before = known.pop(version, Belief())  # put back last: the first one is that without an outcome for longest
        if len(known) >= MOST_VERSIONS:
            del known[next(iter(known))]
        known[version] = told(before, right, self._rule.memory_rows)

    def published(self) -> dict[str, dict[str, dict[str, float]]]:
        """As it stands in a status."""
        return {
            channel: {version: {"right": one.right, "wrong": one.wrong} for version, one in known.items()}
            for channel, known in self.channels.items()
        }

    def restore(self, kept: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Take up where `published` left off."""
        self.channels = {
            channel: {version: Belief(one["right"], one["wrong"]) for version, one in known.items()}
            for channel, known in kept.items()
        }
