"""Drift of vectors: embeddings that a producer sends, or those that texts are hashed to.

Each row is projected onto the principal directions of the reference, and what lies outside of them is its
*residual*. Each figure is then a numeric column like any other: the same tests, windows and budget of false alarms.
A change of the mix of topics moves the means along the directions; a topic that the reference has not got shows in
the residual. No classifier is trained, so that a window costs one product of matrices.

Why principal and not random directions: a random one holds 1/width of what a topic moves. Why the older half gives
the directions and the newer half the figures, and why whole numbers: see `driftloop.statistics.joint`.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.model_profiles import EmbeddingProfile
from driftloop.spec.model_spec import Feature
from driftloop.spec.vectors import vectors_of
from driftloop.statistics.columns import numeric_profile
from driftloop.statistics.texts import TextFigures, Vocabulary, text_figures

Floats = NDArray[np.float64]
Column = NDArray[np.object_] | Sequence[str | None]

DIRECTIONS = 8
FEWEST_ROWS = 200
"""Of fewer rows no directions are learnt: the figures that need none are watched all the same."""
_LEAST_PART = 0.25
"""A number that varies less than this part of the mean variance is scaled as if it varied so much."""
_STEPS = 256.0
_FARTHEST = 1 << 14
_WEIGHT_BITS = 14


@dataclass(frozen=True, slots=True)
class Projection:
    """Directions (directions × width, whole numbers: 2^14 times those of length 1) around a centre."""

    centre: Floats
    scales: Floats
    weights: Floats

    @classmethod
    def fitted(cls, vectors: Floats) -> Self:
        """The principal directions of rows, none missing."""
        centre = vectors.mean(axis=0).astype("<f4").astype(np.float64)
        variances = np.mean((vectors - centre) ** 2, axis=0)
        floor = max(_LEAST_PART * float(variances.mean()), 1e-30)
        scales = np.sqrt(np.maximum(variances, floor)).astype("<f4").astype(np.float64)
        found = cls(centre, scales, np.empty((0, len(centre))))
        steps = found._steps(vectors)
        _, directions = np.linalg.eigh(steps.T @ steps)
        leading = directions.T[::-1][: min(DIRECTIONS, len(centre) - 1)]
        signs = np.sign(leading[np.arange(len(leading)), np.abs(leading).argmax(axis=1)])
        return cls(found.centre, found.scales, np.rint(leading * signs[:, None] * (1 << _WEIGHT_BITS)))

    @classmethod
    def of(cls, profile: EmbeddingProfile) -> Self:
        """That which a profile holds."""
        centre = np.frombuffer(base64.b64decode(profile.centre), dtype="<f4").astype(np.float64)
        weights = np.frombuffer(base64.b64decode(profile.weights), dtype="<i2").astype(np.float64)
        scales = np.frombuffer(base64.b64decode(profile.scales), dtype="<f4").astype(np.float64)
        return cls(centre, scales, weights.reshape(-1, len(centre)))

    def figures(self, vectors: Floats) -> dict[str, Floats]:
        """`direction_1` … and `residual` of rows (rows × width), NaN where a row is missing."""
        missing: NDArray[np.bool_] = np.asarray(np.isnan(vectors).any(axis=1), dtype=np.bool_)
        steps = self._steps(np.where(missing[:, None], self.centre, vectors))
        along = (self.weights @ steps.T) / (1 << _WEIGHT_BITS)
        outside = np.maximum((steps * steps).sum(axis=1) - (along * along).sum(axis=0), 0.0)
        found = {f"direction_{place}": values / _STEPS for place, values in enumerate(along, start=1)}
        found["residual"] = np.sqrt(outside) / _STEPS
        return {name: np.where(missing, np.nan, values) for name, values in found.items()}

    def packed(self) -> dict[str, str]:
        """As a profile holds it."""
        parts = {"centre": self.centre.astype("<f4"), "scales": self.scales.astype("<f4")}
        parts |= {"weights": self.weights.astype("<i2")}
        return {name: base64.b64encode(part.tobytes()).decode("ascii") for name, part in parts.items()}

    def _steps(self, vectors: Floats) -> Floats:
        """Whole numbers: sums of their products are exact in any order."""
        return np.clip(np.rint((vectors - self.centre) * (_STEPS / self.scales)), -_FARTHEST, _FARTHEST)


def embedding_profile(feature: Feature, column: Column) -> EmbeddingProfile:
    """The profile of a text or a vector, of its rows in time order."""
    newer = len(column) // 2
    enough = len(column) >= FEWEST_ROWS
    vocabulary = Vocabulary.of(column[:newer]) if feature.kind == "text" and enough else None
    figures, vectors = _figures(feature, column, vocabulary)
    whole = np.asarray(~np.isnan(vectors[:newer]).any(axis=1), dtype=np.bool_)
    known = vectors[:newer][whole]
    projection = Projection.fitted(known) if enough and len(known) >= FEWEST_ROWS // 4 else None
    found = {name: values[newer if enough else 0 :] for name, values in figures.items()}
    if projection is not None:
        found |= projection.figures(vectors[newer:])
    return EmbeddingProfile(
        width=vectors.shape[1],
        **({} if projection is None else projection.packed()),
        vocabulary=None if vocabulary is None else vocabulary.packed(),
        figures={name: numeric_profile(values) for name, values in found.items()},
    )


@dataclass(frozen=True)
class Embedding:
    """How figures of rows are worked out, as a profile says."""

    feature: Feature
    projection: Projection | None
    vocabulary: Vocabulary | None

    @classmethod
    def of(cls, profile: EmbeddingProfile) -> Self:
        """As the profile of a version has it."""
        text = "length" in profile.figures
        feature = Feature(kind="text") if text else Feature(kind="vector", width=profile.width)
        vocabulary = None if profile.vocabulary is None else Vocabulary.unpacked(profile.vocabulary)
        return cls(feature, Projection.of(profile) if profile.weights else None, vocabulary)

    def figures(self, column: Column) -> dict[str, Floats]:
        """Every figure of each row."""
        figures, vectors = _figures(self.feature, column, self.vocabulary)
        return figures if self.projection is None else figures | self.projection.figures(vectors)


def _figures(feature: Feature, column: Column, vocabulary: Vocabulary | None) -> tuple[dict[str, Floats], Floats]:
    """Figures that need no directions, and the vectors."""
    if feature.kind == "text":
        found: TextFigures = text_figures(column, vocabulary)
        return dict(found.figures), found.vectors
    vectors = vectors_of(column, feature.width or 0).astype(np.float64)
    return {"norm": np.sqrt((vectors * vectors).sum(axis=1))}, vectors
