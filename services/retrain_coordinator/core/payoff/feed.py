"""From what the log says of losses to what the payoff rule is fed with: blocks of rows.

Either from scoring, which tells row by row what the champion, archived versions and cheap models
lose, or, where scoring tells nothing, from the loss blocks that detection closes.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from driftloop.contracts.drift_status import LossBlock
from driftloop.contracts.message import Version
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.merge import FrameEvidence
from retrain_coordinator.core.payoff import rule as payoff

Floats = NDArray[np.float64]
LossesOfRow = dict[str, float]
_CHAMPION, _TWIN, _ARCHIVED, _FRESH = "champion", "twin", "archived:", "fresh:"


def of_block(block: LossBlock, spec: ModelSpec) -> payoff.Evidence:
    """The evidence in a loss block. Losses of 0 or 1 are told apart again; of others the mean stands for each.

    The order within a block is not known and does not count: accounts are settled by block.
    """
    losses = np.full(block.rows, block.loss)
    if all(field.kind == "category" for field in spec.target.values()) and len(spec.target) == 1:
        losses = (np.arange(block.rows) < round(block.loss * block.rows)).astype(np.float64)
    return payoff.Evidence(block.model_version, losses)


def rows_of(frame: FrameEvidence, champion: Version, archived: Collection[Version]) -> list[LossesOfRow]:
    """The judged rows of a frame, each with its losses by what lost them; empty if the champion was not scored."""
    series = {_CHAMPION: frame.losses.get(champion, ())}
    series |= {_ARCHIVED + version: found for version, found in frame.losses.items() if version in archived}
    for scores in frame.scores:
        series |= {f"{_FRESH}{window}": found for window, found in scores.fresh.items()}
        if scores.twin and scores.champion == champion:
            series[_TWIN] = scores.twin
    whole = {name: found for name, found in series.items() if len(found) == len(series[_CHAMPION])}
    return [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]


def evidence_of_rows(rows: Sequence[LossesOfRow], champion: Version) -> payoff.Evidence:
    """The evidence in a block of rows. What did not lose something on each of them is left out.

    >>> evidence_of_rows([{"champion": 1.0, "fresh:500": 0.0}, {"champion": 0.0}], "1.0.0").fresh
    {}
    """
    names = set.intersection(*(set(row) for row in rows))
    series = {name: np.array([row[name] for row in rows]) for name in sorted(names)}
    return _evidence(series, champion)


def _evidence(block: Mapping[str, Floats], champion: Version) -> payoff.Evidence:
    return payoff.Evidence(
        version=champion,
        losses=block[_CHAMPION],
        archived={name.removeprefix(_ARCHIVED): found for name, found in block.items() if name.startswith(_ARCHIVED)},
        fresh={int(name.removeprefix(_FRESH)): found for name, found in block.items() if name.startswith(_FRESH)},
        twin=block.get(_TWIN),
    )
