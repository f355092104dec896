"""Ratings of the rows of a batch: of each row the newest counts, and what was told before is not told again.

A rating comes with its row, with a label, or alone. What a row came with stands in its columns; what came since is
kept beside the held rows by ordinal, with its time, so that neither a restart nor an older rating changes it.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from outcome_ingestion.core.decode.label_items import LabelItem, Rated
from outcome_ingestion.core.frames.blocks import Ints, microseconds
from outcome_ingestion.core.labels.held_rows import Chunk

RATING = "rating"
"""The event of a row that was rated and got no label by it."""


@dataclass(slots=True)
class Ratings:
    """The ratings of one model's rows in one partition; `batch` and `ordinals` are of the rows that are coming.

    `changed` has what rows were rated since they came, by ordinal: to be written down.
    """

    batch: pa.RecordBatch | None
    ordinals: Ints
    changed: dict[int, Rated] = field(default_factory=dict)

    def told(self, chunk: Chunk | None, row: int) -> Rated | None:
        """The rating that a row got since it came. `chunk` is None where the row is of this batch."""
        return self.changed.get(int(self.ordinals[row])) if chunk is None else chunk.ratings.get(row)

    def take(self, chunk: Chunk | None, row: int, said: Rated, *, alone: bool, waits: bool = False) -> bool:
        """Whether a rating says something new of its row: it is newer than the one before, and another.

        Of two of one time a label's counts, and of those that come alone the first. If the row waits for its label,
        what it came with was not told yet.
        """
        told = self.told(chunk, row)
        known = told or rating_in(self.batch if chunk is None else chunk.batch, row)
        if known is not None and (said.at < known.at or (alone and said.at == known.at)):
            return False
        self.changed[int((self.ordinals if chunk is None else chunk.ordinals)[row])] = said
        if chunk is not None:
            chunk.ratings[row] = said
        return known is None or said.rating != known.rating or (waits and told is None)

    def arrived(self, row: int, said: Rated | None) -> bool:
        """The same of a row that comes and has its label at once: afterwards its columns tell when it got that."""
        tells = said is not None and self.take(None, row, said, alone=False)
        if not tells and self.told(None, row) is None and (own := rating_in(self.batch, row)) is not None:
            self.changed[int(self.ordinals[row])] = own
        return tells

    def sent(self, changed: LabelItem, event: str, said: Rated | None, place: tuple[Chunk | None, int]) -> LabelItem:
        """A label as it goes out: with its rating where that is new, else with the one that was told before it.

        A correction has none then, or one that a person gave once is counted again.
        """
        told = self.told(*place)
        if said is not None and self.take(*place, said, alone=False):
            return changed._replace(rating=said.rating, rated_at=0)
        if told is None or event != "label":
            return changed._replace(rating=None, rated_at=0)
        return changed._replace(rating=told.rating, rated_at=told.at)


def rating_in(batch: pa.RecordBatch | None, row: int) -> Rated | None:
    """The rating that a row came with, of the time of its label, or else of its prediction."""
    assert batch is not None
    rating = batch.column("rating")[row].as_py()
    if rating is None:
        return None
    labelled, made = (
        int(microseconds(batch.column(name).slice(row, 1))[0]) for name in ("labelled_at", "predicted_at")
    )
    return Rated(rating, labelled or made)


def ratings_of(chunk: Chunk) -> dict[int, Rated]:
    """What the rows of a chunk were rated, by row, where the time of their label no longer tells when."""
    columns = chunk.batch.column("rating")
    if columns.null_count == len(columns):
        return chunk.ratings
    own = microseconds(chunk.batch.column("labelled_at"))
    rows = [row for row in range(len(columns)) if columns[row].is_valid and own[row] != chunk.labelled_at[row]]
    return {row: rated for row in rows if (rated := rating_in(chunk.batch, row)) is not None} | chunk.ratings


def rating_item(item: LabelItem, said: Rated) -> LabelItem:
    """What goes out of a rating alone: it tells no label."""
    return item._replace(
        values=(None,) * len(item.values), at=said.at, times=(), weight=None,
        rating=said.rating, rated_at=said.at, observed=False,
    )  # fmt: skip
