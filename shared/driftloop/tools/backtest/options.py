"""What a backtest is asked to do."""

from dataclasses import dataclass
from pathlib import Path

SHARES = (0.002, 0.01, 0.05)
"""A training's price as a share of what never retraining loses."""
REPORTED_SHARE = 0.01
"""The price at which a policy's accuracy and retrains are shown, where they depend on the price."""


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """Empty and None mean: find it out. `label_delay` is in rows; `cache` None keeps fits nowhere."""

    first: int | None = None
    block: int | None = None
    windows: tuple[int, ...] = ()
    learner: str = "random-forest"
    label_delay: int = 0
    seed: int = 0
    policies: tuple[str, ...] = ()
    served: bool = False
    price: float | None = None
    cache: Path | None = None
    jobs: int = 1
