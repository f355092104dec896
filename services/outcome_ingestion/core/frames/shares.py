"""What of a batch came through one partition, and parts of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outcome_ingestion.core.decode.decoding import Decoded
from outcome_ingestion.core.decode.label_items import LabelItem
from outcome_ingestion.core.frames.blocks import Block, Ints
from outcome_ingestion.core.identity.admission import Admission
from outcome_ingestion.core.labels.due import Arrivals
from outcome_ingestion.core.observations.observed_records import Observation


@dataclass(slots=True)
class Share:
    """What of a batch came through one partition: by model, in the order of first sight."""

    blocks: dict[str, Block] = field(default_factory=dict)
    labels: dict[str, list[LabelItem]] = field(default_factory=dict)
    observations: dict[str, list[Observation]] = field(default_factory=dict)
    admissions: dict[str, Admission] = field(default_factory=dict)
    places: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Places of the admitted rows of all models, ascending."""
    arrivals: dict[str, Arrivals] = field(default_factory=dict)
    """What moves the clocks of the models that are in it."""

    def before(self, place: int) -> "Share":
        """What came before a place."""
        blocks = {m: b.take(np.flatnonzero(b.places < place)) for m, b in self.blocks.items() if b.places[0] < place}
        return Share(blocks, *_parted(self, lambda at: at < place))

    def since(self, place: int) -> "Share":
        """What came there and later."""
        blocks = {m: b.take(np.flatnonzero(b.places >= place)) for m, b in self.blocks.items() if b.places[-1] >= place}
        return Share(blocks, *_parted(self, lambda at: at >= place))

    @property
    def last_place(self) -> int:
        """The place of its last row or record."""
        said = [items[-1].place for of in (self.labels, self.observations) for items in of.values() if items]
        return max([*said, *(int(block.places[-1]) for block in self.blocks.values())])

    def __len__(self) -> int:
        """How many rows and records."""
        said = sum(len(items) for of in (self.labels, self.observations) for items in of.values())
        return said + sum(map(len, self.blocks.values()))

    @property
    def middle(self) -> int:
        """A place that about half of its rows and records lie before."""
        said = [item.place for of in (self.labels, self.observations) for items in of.values() for item in items]
        places = np.concatenate([np.array(said, dtype=np.int64), *(block.places for block in self.blocks.values())])
        return int(np.partition(places, len(places) // 2)[len(places) // 2])

    @property
    def models(self) -> list[str]:
        """All that it speaks of."""
        return list(dict.fromkeys([*self.blocks, *self.labels, *self.observations]))


Said = dict[str, list[Any]]
"""By model: labels, or observations."""


def _parted(share: Share, is_in: Callable[[int], bool]) -> tuple[Said, Said]:
    """Labels and observations of which the place is in."""
    labels, observations = (
        {model_id: part for model_id, items in said.items() if (part := [item for item in items if is_in(item.place)])}
        for said in (share.labels, share.observations)
    )
    return labels, observations


def shares_of(decoded: Decoded) -> dict[int, Share]:
    """By partition."""
    shares: dict[int, Share] = {}
    for block in decoded.blocks:
        first = int(block.partitions[0])
        if np.all(block.partitions == first):
            shares.setdefault(first, Share()).blocks[block.layout.model_id] = block
            continue
        for partition in np.unique(block.partitions).tolist():
            own = block.take(np.flatnonzero(block.partitions == partition))
            shares.setdefault(partition, Share()).blocks[block.layout.model_id] = own
    for placed in decoded.labels:
        share = shares.setdefault(placed.partition, Share())
        share.labels.setdefault(placed.layout.model_id, []).append(placed.item)
    for seen in decoded.observations:
        share = shares.setdefault(seen.partition, Share())
        share.observations.setdefault(seen.layout.model_id, []).append(seen.item)
    return shares
