"""A version's profile as detection keeps it: packed, with the figures at hand that are asked for as rows come.

Why packed: a profile of ten features is 60 kB of objects and 5 kB of packed text, and it is opened again only where
the target of its model changes.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from driftloop.contracts.model_profiles import LossProfile, ModelProfile, NumericProfile


@dataclass(frozen=True, slots=True, eq=False)
class KeptProfile:
    """What of a profile is not in the bins of its columns. Fields that `ModelProfile` has are its."""

    spec_version: int
    loss: LossProfile
    loss_by_prediction: Mapping[str, LossProfile]
    calibration: tuple[tuple[float, float, int], ...]
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
        return cls(profile.spec_version, profile.loss, profile.loss_by_prediction, profile.calibration, kinds, held)

    def opened(self) -> ModelProfile:
        """The whole profile."""
        return unpack_profile(self.packed)


def pack_profile(text: bytes) -> bytes:
    """A profile's JSON, packed."""
    return zlib.compress(text)


def unpack_profile(packed: bytes) -> ModelProfile:
    """The profile in what `pack_profile` packed; raises `pydantic.ValidationError` where it is none."""
    return ModelProfile.from_json(zlib.decompress(packed))
