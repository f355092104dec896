"""The reference of a version that nobody trained here: its own first rows, declared as such."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from driftloop.codec.frames import FEATURE, LABEL, PREDICTION
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import ModelProfile
from driftloop.learners.protocol import Column, Predictions, Rows
from driftloop.statistics.losses import row_losses
from driftloop.statistics.profiles import make_profile
from driftloop.tools.watch.outcomes import RecordedOutcomes
from trainer_worker.core.train.fitting import loss_bound

LEAST_ROWS = 100
"""A version with fewer rows has no reference; its columns are not watched."""


def default_baseline_rows(rows: int) -> int:
    """How many first rows of a version are its reference: a fifth of the file, 200 to 5,000.

    >>> [default_baseline_rows(rows) for rows in (500, 3_000, 1_000_000)]
    [200, 600, 5000]
    """
    return min(5000, max(200, rows // 5))


@dataclass(frozen=True, slots=True)
class Baselines:
    """The profile of each version, and which rows they were made from: those are not judged by themselves."""

    profiles: tuple[ModelProfile, ...]
    rows: Mapping[str, int]
    judged: NDArray[np.intp]


def baselines(recorded: RecordedOutcomes, rows: int) -> Baselines:
    """Each version's profile from its first `rows` rows: labelled ones, if it has enough of them.

    What a version did up to the last row of its reference is not judged: rows that a reference was made from
    lie nearer to it than any rows to come.
    """
    versions = recorded.columns["model_version"].dictionary_encode()
    codes = versions.indices.to_numpy()
    usable, profiles, used = _judged(recorded), [], {}
    later = np.ones(len(recorded), dtype=bool)
    for code, version in enumerate(versions.dictionary.to_pylist()):
        own = codes == code
        labelled = np.flatnonzero(own & usable)[:rows]
        first = labelled if len(labelled) >= LEAST_ROWS else np.flatnonzero(own)[:rows]
        if len(first) >= LEAST_ROWS:
            profiles.append(profile_of(recorded, first, version, labelled=first is labelled))
            used[version] = len(first)
            later[: first[-1] + 1] &= ~own[: first[-1] + 1]
    return Baselines(tuple(profiles), used, np.flatnonzero(later))


def profile_of(recorded: RecordedOutcomes, which: NDArray[np.intp], version: str, *, labelled: bool) -> ModelProfile:
    """The profile of a version from some rows, in order."""
    spec, some = recorded.spec, recorded.take(which)
    features = {name: some.numbers_or_texts(FEATURE + name) for name in spec.features}
    said = {name: some.numbers_or_texts(PREDICTION + name) for name in spec.target}
    truth: dict[str, Column] = {name: some.numbers_or_texts(LABEL + name) for name in spec.target} if labelled else {}
    losses = row_losses(spec.target, said, truth) if labelled else np.empty(0)
    confidence = some.numbers_or_texts("confidence").astype(np.float64) if "confidence" in some.columns else None
    when: datetime = some.columns["predicted_at"][len(some) - 1].as_py()
    return make_profile(
        spec.model_id,
        version,
        spec,
        1,
        Rows(features, truth),
        Predictions(said, confidence),
        losses,
        loss_bound(spec.target, losses),
        predicted_at=some.columns["predicted_at"].cast("int64").to_numpy() // 1000,
        message_id=derive_id("baseline", spec.model_id, version),
        occurred_at=when,
    )


def _judged(recorded: RecordedOutcomes) -> NDArray[np.bool_]:
    """Rows with prediction and label."""
    truth = recorded.columns.get(LABEL + recorded.target)
    if truth is None:
        return np.zeros(len(recorded), dtype=bool)
    both = pc.and_(pc.is_valid(truth), pc.is_valid(recorded.columns[PREDICTION + recorded.target]))
    return np.asarray(both.to_numpy(zero_copy_only=False), dtype=bool)
