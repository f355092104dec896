"""Versions that others run in the shadow: what they predict comes with the outcomes, and no artifact is needed."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Column
from driftloop.spec.model_spec import ModelSpec
from trainer_worker.core.score.frame_rows import JudgedRows
from trainer_worker.core.score.versions import Scored


def in_the_shadow(versions: Sequence[Scored], judged: JudgedRows, spec: ModelSpec) -> list[Scored]:
    """The versions that ran in the shadow on some row of a frame and are not scored on it anyway.

    Of a model that others serve all of them are told, so that the coordinator hears of them; of another none: its
    challengers are the ones that were made here.
    """
    if spec.serving != "external":
        return []
    known = {scored.version for scored in versions}
    return [
        Scored(version=version, artifact="")
        for version, said in sorted(judged.shadows.items())
        if version not in known and predicted(said).any()
    ]


def predicted(said: Mapping[str, Column]) -> NDArray[np.bool_]:
    """The rows on which every field of the target was predicted."""
    return np.asarray(np.logical_and.reduce([~missing(column) for column in said.values()]), dtype=np.bool_)


def missing(column: Column) -> NDArray[np.bool_]:
    """Where a column has no value."""
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    empty = np.isnan(column)
    return np.asarray(empty.all(axis=1) if empty.ndim == 2 else empty, dtype=np.bool_)
