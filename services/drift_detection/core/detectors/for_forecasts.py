"""The detector of a forecaster's losses."""

from collections.abc import Mapping
from dataclasses import replace

from drift_detection.core.detectors.blocked_betting import BlockedBetting
from drift_detection.core.detectors.protocol import LossReference
from driftloop.contracts.model_profiles import LossProfile
from driftloop.spec.forecast import ForecastRule
from driftloop.statistics.loss_blocks import HORIZONS_A_BLOCK


def blocked(
    rule: ForecastRule, profile: LossProfile | None, reference: LossReference, parameters: Mapping[str, float]
) -> BlockedBetting:
    """A detector of blocks, by what a version's profile says of them.

    Where it says nothing (a version that others made), a block has as many rows as if one forecast were made a step.
    Raises ValueError for a parameter that it does not take.
    """
    known = None if profile is None else profile.blocks
    rows = HORIZONS_A_BLOCK * rule.horizon if known is None else known.rows
    count = reference.rows // rows if known is None else known.count
    of_blocks = replace(reference, rows=count)
    if known is not None:
        of_blocks = replace(of_blocks, variance=known.variance, lag_correlation=known.lag_correlation)
    try:
        return BlockedBetting(of_blocks, block_rows=rows, **parameters)
    except TypeError as error:
        raise ValueError(f"detector 'betting-cusum' does not take these parameters: {error}") from error
