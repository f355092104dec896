"""Which held forecasts are of a series, by the time that they were made at."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from driftloop.spec.forecast import key_feature
from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.labels.held_rows import HeldRows
from outcome_ingestion.core.observations.observed_records import entities_in

Made = tuple[int, int]
"""(Time of the forecast, its ordinal)."""
_STALE = 1_000


def held_entity(held: HeldRows, ordinal: int, layout: Layout) -> str | None:
    """Whose series a held row is of; None where it is not held."""
    feature, place = key_feature(layout.spec), held.find(ordinal)
    if feature is None or place is None:
        return None
    chunk, row = place
    found: str = entities_in(chunk.batch.slice(row, 1), feature, layout.model_id)[0].as_py()
    return found


class ForecastIndex:
    """Forecasts by entity. It is made of the held rows when it is asked for first, and whenever the entity is another
    feature; rows that are held no longer are left out when they are met."""

    def __init__(self) -> None:
        self._feature: str | None = None
        self._made: dict[str, list[Made]] = {}
        self._count = 0
        self._most = _STALE

    def __len__(self) -> int:
        """How many series have a forecast."""
        return len(self._made)

    def ready(self, held: HeldRows, feature: str, layout: Layout) -> None:
        """Make it of the held rows where it is not yet, or has many that are held no longer."""
        if self._feature == feature and self._count <= self._most:
            return
        self._feature, self._made, self._count = feature, {}, 0
        for chunk in held.chunks:
            entities = entities_in(chunk.batch, feature, layout.model_id).to_pylist()
            for entity, at, ordinal in zip(entities, chunk.predicted_at.tolist(), chunk.ordinals.tolist(), strict=True):
                self.add(entity, at, ordinal)
        self._most = 2 * self._count + _STALE

    def add(self, entity: str, predicted_at: int, ordinal: int) -> None:
        """One more forecast."""
        insort(self._made.setdefault(entity, []), (predicted_at, ordinal))
        self._count += 1

    def between(self, entity: str, after: int, last: int) -> Iterator[Made]:
        """Those that were made after `after` and not after `last`, oldest first."""
        made = self._made.get(entity, [])
        yield from made[bisect_left(made, (after + 1, -1)) : bisect_left(made, (last + 1, -1))]

    def forget(self, entity: str, gone: list[Made]) -> None:
        """These are held no longer."""
        left = set(gone)
        if left:
            self._made[entity] = [one for one in self._made[entity] if one not in left]
            self._count -= len(left)
            if not self._made[entity]:
                del self._made[entity]
