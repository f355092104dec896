"""From a profile to the reference that windows are compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.kept.kept_profile import KeptProfile
from drift_detection.core.windows.bins import ColumnBins, categorical_bins, column_bins, numeric_bins
from drift_detection.core.windows.reference import JOINT, Joint, Reference
from driftloop.contracts.model_profiles import LossProfile, ModelProfile, NumericProfile, SeasonProfile
from driftloop.spec.forecast import feature_steps
from driftloop.spec.model_spec import ModelSpec
from driftloop.statistics.embeddings import Embedding
from driftloop.statistics.joint import Directions
from driftloop.statistics.seasons import Season


def reference_of(profile: ModelProfile, packed: bytes | None = None) -> Reference:
    """The reference in a profile: features, predictions, confidence and labels under their names in a frame.

    Then how the numeric features go together, where the profile tells: `multivariate.distance` and `.residual`.
    `packed` is the profile as it is kept, where it has been packed already.
    """
    found: dict[str, ColumnBins | None] = {}
    for name, numeric in profile.numeric.items():
        found[f"feature.{name}"] = _numeric_bins(f"feature.{name}", numeric, profile.seasonal.get(name))
    for name, categorical in profile.categorical.items():
        found[f"feature.{name}"] = categorical_bins(f"feature.{name}", categorical)
    for name, embedded in profile.embeddings.items():
        for figure, numeric in embedded.figures.items():
            found[f"feature.{name}/{figure}"] = numeric_bins(f"feature.{name}/{figure}", numeric)
    for name, said in profile.predictions.items():
        found[f"prediction.{name}"] = column_bins(f"prediction.{name}", said)
    if profile.confidence is not None:
        confidence = numeric_bins("confidence", profile.confidence)
        found["confidence"] = confidence and replace(confidence, optional=True)
    joint = None
    if profile.joint is not None:
        joint = Joint(Directions.of(profile.joint), _places(profile.joint.features, found))
        for name, figures in zip(JOINT, (profile.joint.distance, profile.joint.residual), strict=True):
            found[name] = numeric_bins(name, figures)
    columns = tuple(bins for bins in found.values() if bins is not None)
    labels = tuple(
        bins for name, true in profile.labels.items() if (bins := column_bins(f"label.{name}", true)) is not None
    )
    embeddings = {f"feature.{name}": Embedding.of(one) for name, one in profile.embeddings.items()}
    kept = KeptProfile.of(profile, packed)
    of_labels = Reference(profile.version, labels, kept, beside=len(columns)) if labels else None
    return Reference(profile.version, columns, kept, of_labels, beside=len(labels), joint=joint, embeddings=embeddings)


def fitting(reference: Reference, spec: ModelSpec, target_since: int) -> Reference:
    """The part of a version's reference that is of the target that the spec declares.

    Of another target (by its names and kinds) only what features were remains. Where the target was declared
    otherwise since (`target_since`, a spec version), losses are of another kind; and a forecast may have another
    horizon, so that of its columns only those remain whose length has nothing to do with it.
    """
    profile = reference.profile
    no_losses: dict[str, Any] = {
        "loss": LossProfile(rows=0, mean=0, variance=0, bound=profile.loss.bound),
        "loss_by_prediction": {},
    }
    none: dict[str, Any] = {"predictions": {}, "labels": {}, "confidence": None, "calibration": ()}
    if not _of_target(profile, spec):
        return reference_of(profile.opened().model_copy(update=no_losses | none))
    earlier = profile.spec_version < target_since
    if earlier and spec.forecast is not None:
        ahead = {
            name for name, feature in spec.features.items() if feature_steps(spec, name) and feature.span != "past"
        }
        opened = profile.opened()
        numeric = {name: one for name, one in opened.numeric.items() if name not in ahead}
        none |= {"numeric": numeric} | ({"joint": None} if len(numeric) < len(opened.numeric) else {})
        return reference_of(opened.model_copy(update=no_losses | none))
    if earlier:
        return reference_of(profile.opened().model_copy(update=no_losses | {"calibration": ()}))
    return reference


def _of_target(profile: KeptProfile, spec: ModelSpec) -> bool:
    """Whether a version predicted what the spec's target is; one that tells of no predictions is believed."""
    return not profile.said or profile.said == {
        name: "category" if target.kind == "category" else "number" for name, target in spec.target.items()
    }


def _places(features: Sequence[str], found: Mapping[str, ColumnBins | None]) -> NDArray[np.intp]:
    """Which columns are those of the features."""
    places = {name: place for place, name in enumerate(name for name, bins in found.items() if bins is not None)}
    return np.array([places[f"feature.{name}"] for name in features], dtype=np.intp)


def _numeric_bins(name: str, profile: NumericProfile, season: SeasonProfile | None) -> ColumnBins | None:
    bins = numeric_bins(name, profile if season is None else season.values)
    return bins if bins is None or season is None else replace(bins, season=Season.of(season))
