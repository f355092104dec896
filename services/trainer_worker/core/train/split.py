"""Which rows are learnt from and which are held out. Rows stand in stream order, newest last."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.training_requests import DataRule
from driftloop.spec.model_spec import LabelSource

Indices = NDArray[np.intp]
HELD_OUT_AT_MOST = 2_000
HELD_OUT_BESIDE_A_CHAMPION = 100
"""So many rows may always be held out where there is a champion; beyond, half of those it has not seen."""
PSEUDO_SHARE = 0.3
"""What `TrainingRule.pseudo_share` is unless a spec says otherwise."""


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers: `training` and `held_out` do not meet; `everything` is what a refit learns from."""

    training: Indices
    held_out: Indices
    everything: Indices


def split_rows(
    rule: DataRule,
    pseudo: NDArray[np.bool_],
    unseen: int | None = None,
    *,
    pseudo_share: float = PSEUDO_SHARE,
    at: NDArray[np.int64] | None = None,
    horizon_ms: int = 0,
) -> Split:
    """Split `len(pseudo)` rows by `rule`; raises ValueError, with a sentence, where they are too few.

    The newest `validation_share` of the rows (of the fresh ones, where the rule names them) are
    held out. Pseudo-labelled rows are never among them, and are capped among the others. With a replay
    mix, as many are held out as without one, but half of the fresh rows at most: what is held out is
    of the present concept, and so is half of what the proof is learnt from.

    `unseen` is how many of the rows came after all that the champion learnt from. Only those tell
    the two apart, and to hold out more would set a model that lacks the newest rows against one
    that has them: where the stream drifts, it would lose for that alone.

    Of forecasts that reach `horizon_ms`, made `at`, those whose truth the held-out ones share are left out of
    training: the split is by origin, with a gap of one horizon.
    """
    chosen = _cap_pseudo(mixed_rows(rule, len(pseudo)), pseudo, pseudo_share)
    if len(chosen) < rule.minimum_rows:
        raise ValueError(f"{len(chosen)} labelled rows are there, the request asks for at least {rule.minimum_rows}")
    wanted = min(_held_out(rule, len(chosen)), HELD_OUT_AT_MOST, len(chosen) - 1)
    if unseen is not None:
        wanted = min(wanted, max(HELD_OUT_BESIDE_A_CHAMPION, unseen // 2))
    tail = chosen[-wanted:]
    training = apart(at, chosen[:-wanted], tail, horizon_ms)
    if not len(training):
        raise ValueError("no forecast was made a whole horizon before those that are held out: more rows are needed")
    return Split(training, tail[~pseudo[tail]], chosen)


def apart(at: NDArray[np.int64] | None, earlier: Indices, later: Indices, horizon_ms: int) -> Indices:
    """Those of the `earlier` rows whose forecasts end before the first of the `later` ones is made.

    >>> apart(np.array([0, 10, 20, 30]), np.arange(3), np.array([3]), 15).tolist()
    [0, 1]
    """
    if at is None or not horizon_ms or not len(later):
        return earlier
    return np.asarray(earlier[at[earlier] + horizon_ms <= at[later].min()], dtype=np.intp)


def _held_out(rule: DataRule, there: int) -> int:
    """How many rows the rule itself would hold out of so many; 1 at least."""
    fresh = there if rule.fresh_rows is None else min(rule.fresh_rows, there)
    if is_mixed(rule):
        return max(1, min(round(rule.validation_share * rule.rows), fresh // 2))
    return max(1, round(rule.validation_share * fresh))


def is_mixed(rule: DataRule) -> bool:
    """Whether only some of the rows before the onset are learnt from."""
    return rule.fresh_rows is not None and rule.replay_rows > 0


def mixed_rows(rule: DataRule, there: int) -> Indices:
    """Of so many rows those that are learnt from: all, or with a replay mix the fresh ones and `replay_rows` of the
    older, evenly spread. A mix of a mix is the same.

    >>> mixed_rows(DataRule.model_validate({"until": {"partition": 0, "offset": 9}, "rows": 9, "fresh_rows": 2,
    ...                                     "replay_rows": 3}), 9).tolist()
    [0, 3, 6, 7, 8]
    """
    if rule.fresh_rows is None or rule.fresh_rows >= there or rule.replay_rows == 0:
        return np.arange(there)
    fresh = np.arange(there - rule.fresh_rows, there)
    older = there - rule.fresh_rows
    kept = min(rule.replay_rows, older)
    spread = np.unique(np.linspace(0, older - 1, kept).round().astype(np.intp))
    return np.concatenate([spread, fresh])


def _cap_pseudo(chosen: Indices, pseudo: NDArray[np.bool_], share: float) -> Indices:
    told = chosen[~pseudo[chosen]]
    guessed = chosen[pseudo[chosen]]
    allowed = int(len(told) * share / (1.0 - share))
    return np.sort(np.concatenate([told, guessed[max(0, len(guessed) - allowed) :]]))


def doubtful(sources: NDArray[np.object_], confidences: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Pseudo-labels of less than `least` confidence; one without a confidence is none to learn from.

    >>> doubtful(np.array(["pseudo", "pseudo", "user"], dtype=object), np.array([0.9, np.nan, 0.2]), 0.9).tolist()
    [False, True, False]
    """
    return np.asarray((sources == "pseudo") & ~(confidences >= least), dtype=np.bool_)


def label_weights(
    sources: NDArray[np.object_], own: NDArray[np.float64], by_source: Mapping[LabelSource, float]
) -> NDArray[np.float64] | None:
    """The weight of each row: by source, times its own where it has one; None where all are 1."""
    weights = np.array([by_source.get(source, 1.0) for source in sources]) * np.where(np.isnan(own), 1.0, own)
    return None if np.all(weights == 1.0) else weights
