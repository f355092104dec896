"""A version's profile as detection keeps it: packed, with the figures at hand that are asked for as rows come.

Why packed: a profile of ten features is 60 kB of objects and 5 kB of packed text, and it is opened again only where
the target of its model changes. Why by Zstandard: ten thousand profiles are packed when a process starts, and zlib
takes ten times as long for the same size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import LossProfile, ModelProfile, NumericProfile

_PACKING = pa.Codec("zstd")
_LENGTH = 4


@dataclass(frozen=True, slots=True, eq=False)
class KeptProfile:
    """What of a profile is not in the bins of its columns. Fields that `ModelProfile` has are its."""

    spec_version: int
    loss: LossProfile
    loss_by_prediction: Mapping[str, LossProfile]
    calibration: NDArray[np.float64]
    """Confidence, share that was right and rows of each bin (bins × 3)."""
    said: Mapping[str, str]
    """The kind of each target that the version predicted: `number` or `category`."""
    packed: bytes

    @classmethod
    def of(cls, profile: ModelProfile, packed: bytes | None = None) -> Self:
        """A profile; `packed` where it has been packed already."""
        kinds = {
            name: "number" if isinstance(one, NumericProfile) else "category"
            for name, one in profile.predictions.items()
        }
        held = pack_profile(profile.to_json()) if packed is None else packed
        calibration = np.array(profile.calibration, dtype=np.float64).reshape(-1, 3)
        return cls(profile.spec_version, profile.loss, profile.loss_by_prediction, calibration, kinds, held)

    def opened(self) -> ModelProfile:
        """The whole profile."""
        return unpack_profile(self.packed)


def pack_profile(text: bytes) -> bytes:
    """A profile's JSON, packed: its length in four bytes, then what Zstandard makes of it."""
    packed: bytes = _PACKING.compress(text, asbytes=True)
    return len(text).to_bytes(_LENGTH, "little") + packed


def unpack_profile(packed: bytes) -> ModelProfile:
    """The profile in what `pack_profile` packed; raises `pydantic.ValidationError` where it is none."""
    length = int.from_bytes(packed[:_LENGTH], "little")
    return ModelProfile.from_json(_PACKING.decompress(packed[_LENGTH:], length, asbytes=True))
