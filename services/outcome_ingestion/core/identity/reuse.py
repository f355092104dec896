"""Prediction ids that come again: the same prediction, another one, or nobody can tell.

A repeat is the same id and the same prediction: made at the same time, or of the same features and with the
same result within the time that a label may take (a retry that made a new time stamp). Anything else is
another prediction, as where the id is a customer's number and all are scored every month. It counts as one
where the one before is settled: it has its label, or no label may come any more. Where that one still waits,
nobody could say whose label the next is, and the row is buried.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, PREDICTION
from outcome_ingestion.core.frames.blocks import Block, Ints
from outcome_ingestion.core.refusal import Refusal, invalid

_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)


class Fate(Enum):
    """What a row with a known id is."""

    REPEATED = "repeated"
    NEW = "new"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The prediction that had the id before. `same_time`: one of those with the id was made at the time of the
    new row. `at` is None where the row is held no longer; `alike`: features and prediction are the same."""

    ordinal: int
    same_time: bool
    at: int | None
    settled: bool
    alike: bool


def fate_of(earlier: Earlier, at: int, give_up_us: int) -> Fate:
    """What a row made at `at` is, whose id an earlier one has."""
    if earlier.same_time or (earlier.alike and earlier.at is not None and abs(at - earlier.at) <= give_up_us):
        return Fate.REPEATED
    if earlier.settled or earlier.at is None or at - earlier.at > give_up_us:
        return Fate.NEW
    return Fate.REFUSED


def stamps_of(times: Ints) -> NDArray[np.uint32]:
    """Four bytes for each time, by which a prediction that comes again is known.

    >>> stamps_of(np.array([1, 2])).dtype
    dtype('uint32')
    """
    spread: NDArray[np.uint64] = times.astype(np.uint64) * _SPREAD
    return (spread >> np.uint64(32)).astype(np.uint32)


def same_content(columns: Mapping[str, pa.Array], before: int, block: Block, row: int) -> bool:
    """Whether two rows have the same features and prediction."""
    names = [FEATURE + name for name in block.layout.raw] + [PREDICTION + name for name in block.layout.target]
    return all(name in columns and columns[name][before].equals(block.columns[name][row]) for name in names)


def used_again(prediction_id: str) -> Refusal:
    """Why a row whose id is another's is buried."""
    return invalid(
        "IdUsedAgain",
        f"the id {prediction_id[:100]!r} belongs to another prediction that still waits for its label: "
        "give every prediction an id of its own, or none anew before the label of the last has come",
    )
