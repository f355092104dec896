"""What a policy may know at the end of a block, and what it may choose."""

from dataclasses import dataclass
from typing import Protocol

from driftloop.tools.backtest.table import Fit, Floats, LossTable


@dataclass(frozen=True, slots=True)
class Train:
    """Train on the last `window` labelled rows. `reason` is for a person."""

    window: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reuse:
    """Let a model serve that has been trained before."""

    model: Fit
    reason: str = ""


Choice = Train | Reuse


@dataclass(frozen=True, slots=True)
class Moment:
    """The end of a block: `block` is the one that begins now.

    `first` … `last` - 1 are the rows whose labels came since the last moment, `served` what the
    models that predicted them lost there. `archive` holds every other model trained so far, oldest
    first. `price` is what a training costs, in units of loss.
    """

    table: LossTable
    block: int
    first: int
    last: int
    served: Floats
    champion: Fit
    archive: tuple[Fit, ...]
    price: float

    def losses(self, model: Fit) -> Floats:
        """What `model` loses on the rows whose labels came; rows that it has learnt are left out."""
        return self.table.losses(model, max(self.first, model.end), self.last)


class Policy(Protocol):
    """Decides at the end of each block. Its state is its own; one instance sees one stream."""

    def decide(self, moment: Moment) -> Choice | None:
        """What to do now; None lets things be."""
        ...
