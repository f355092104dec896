"""The e-detector on losses of a regression: does its declared rate hold, and is it quicker than ADWIN?"""

from collections.abc import Callable
from typing import Any

import numpy as np

from drift_detection.core.detectors.betting_cusum import BettingCusum
from drift_detection.core.detectors.protocol import LossReference
from driftloop.statistics.profiles import loss_profile
from driftloop.tools.bench.peers import RIVER, Contestant, alarms_of, rivers
from driftloop.tools.bench.scoring import score
from driftloop.tools.bench.streams import LOSS_KINDS, LossKind, losses

DECLARED = 1e-5
REFERENCE_ROWS = 5_000
LEAST_ROWS = 5_000_000
RISE = 0.5
"""Standard deviations by which the losses rise."""


def regression(rows: int, seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """For each kind of losses: the declared rate of false alarms, the counted one, and delays beside ADWIN's."""
    return {kind: _of_kind(kind, max(rows, LEAST_ROWS), seeds, say) for kind in LOSS_KINDS}


def _of_kind(kind: LossKind, rows: int, seeds: int, say: Callable[[str], None]) -> dict[str, Any]:
    say(f"regression, {kind} losses")
    parts = rows // 500_000
    alarms = sum(len(_detector(kind, seed)(losses(kind, 500_000, seed))) for seed in range(parts))
    ours, adwin = [], []
    adwin_early = 0
    for seed in range(20_000, 20_000 + max(seeds // 2, 2)):
        values = losses(kind, 14_000, seed)
        values[10_000:] += RISE * values[:10_000].std()
        ours.append(score(_detector(kind, seed)(values), [10_000], len(values)))
        adwin.append(score(rivers(RIVER["river ADWIN"], _bound(kind, seed))(values), [10_000], len(values)))
        adwin_early += adwin[-1].false_alarms
    return {
        "declared_per_million": DECLARED * 1e6,
        "counted_per_million": round(alarms / parts / 0.5, 3),
        "rows": parts * 500_000,
        "delay": _mean([one.delays[0] for one in ours]),
        "missed": sum(one.delays[0] is None for one in ours),
        "adwin_delay": _mean([one.delays[0] for one in adwin]),
        "adwin_missed": sum(one.delays[0] is None for one in adwin),
        "adwin_false_alarms_per_million": round(adwin_early * 1e6 / (len(adwin) * 10_000), 3),
    }


def _bound(kind: LossKind, seed: int) -> float:
    return float(np.quantile(losses(kind, REFERENCE_ROWS, seed + 500_000), 0.995))


def _detector(kind: LossKind, seed: int) -> Contestant:
    """The e-detector with a reference of 5,000 rows of its own, clipped at their 99.5 % quantile."""
    bound = _bound(kind, seed)
    reference = LossReference.of(loss_profile(losses(kind, REFERENCE_ROWS, seed + 500_000), bound))

    return lambda values: alarms_of(BettingCusum(reference, false_alarm_rate=DECLARED), values)


def _mean(delays: list[int | None]) -> float | None:
    found = [delay for delay in delays if delay is not None]
    return round(float(np.mean(found)), 3) if found else None
