"""Which held forecasts are of a series, by the time that they were made at."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from outcome_ingestion.core.decode.layout import Layout
from outcome_ingestion.core.labels.held_rows import HeldRows
from outcome_ingestion.core.observations.observed_records import entities_of

Made = tuple[int, int]
"""(Time of the forecast, its ordinal)."""
_STALE = 1_000


class ForecastIndex:
    """Forecasts by entity. It is made of the held rows when it is asked for first, and whenever the entity is another
    feature; rows that are held no longer are left out when they are met."""

    def __init__(self) -> None:
        self._feature: str | None = None
        self._made: dict[str, list[Made]] = {}
        self._count = 0
        self._most = _STALE

    def ready(self, held: HeldRows, feature: str, layout: Layout) -> None:
        """Make it of the held rows where it is not yet, or has many that are held no longer."""
        if self._feature == feature and self._count <= self._most:
            return
        self._feature, self._made, self._count = feature, {}, 0
        for chunk in held.chunks:
            columns = dict(zip(chunk.batch.schema.names, chunk.batch.columns, strict=True))
            entities = entities_of(columns, feature, layout.model_id, len(chunk.batch)).to_pylist()
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
