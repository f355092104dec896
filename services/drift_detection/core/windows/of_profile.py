"""From a profile to the reference that windows are compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.bins import ColumnBins, categorical_bins, column_bins, numeric_bins
from drift_detection.core.windows.reference import JOINT, Joint, Reference
from driftloop.contracts.model_profiles import ModelProfile, NumericProfile, SeasonProfile
from driftloop.statistics.joint import Directions
from driftloop.statistics.seasons import Season


def reference_of(profile: ModelProfile) -> Reference:
    """The reference in a profile: features, predictions, confidence and labels under their names in a frame.

    Then how the numeric features go together, where the profile tells: `multivariate.distance` and `.residual`.
    """
    found: dict[str, ColumnBins | None] = {}
    for name, numeric in profile.numeric.items():
        found[f"feature.{name}"] = _numeric_bins(f"feature.{name}", numeric, profile.seasonal.get(name))
    for name, categorical in profile.categorical.items():
        found[f"feature.{name}"] = categorical_bins(f"feature.{name}", categorical)
    for name, said in profile.predictions.items():
        found[f"prediction.{name}"] = column_bins(f"prediction.{name}", said)
    if profile.confidence is not None:
        found["confidence"] = numeric_bins("confidence", profile.confidence)
    joint = None
    if profile.joint is not None:
        joint = Joint(Directions.of(profile.joint), _places(profile.joint.features, found))
        for name, figures in zip(JOINT, (profile.joint.distance, profile.joint.residual), strict=True):
            found[name] = numeric_bins(name, figures)
    columns = tuple(bins for bins in found.values() if bins is not None)
    labels = tuple(
        bins for name, true in profile.labels.items() if (bins := column_bins(f"label.{name}", true)) is not None
    )
    of_labels = Reference(profile.version, labels, profile, beside=len(columns)) if labels else None
    return Reference(profile.version, columns, profile, of_labels, beside=len(labels), joint=joint)


def _places(features: Sequence[str], found: Mapping[str, ColumnBins | None]) -> NDArray[np.intp]:
    """Which columns are those of the features."""
    places = {name: place for place, name in enumerate(name for name, bins in found.items() if bins is not None)}
    return np.array([places[f"feature.{name}"] for name in features], dtype=np.intp)


def _numeric_bins(name: str, profile: NumericProfile, season: SeasonProfile | None) -> ColumnBins | None:
    bins = numeric_bins(name, profile if season is None else season.values)
    return bins if bins is None or season is None else replace(bins, season=Season.of(season))
