"""Streams that a name makes: what a policy does where it is known what happens.

All have four features, of which the label depends by a weighted sum, and 5 % of labels are wrong.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField
from driftloop.tools.backtest.stream import Stream

Floats = NDArray[np.float64]
_FEATURES = 4
_NOISE = 0.05
_SEASON_ROWS = 3_000
_A, _B = np.array([1.0, 0.6, -0.4, 0.0]), np.array([-0.4, 0.0, 1.0, 0.6])


def _recurring(rows: int) -> tuple[Floats, Floats]:
    season = np.arange(rows) // _SEASON_ROWS % 2
    return np.where(season[:, None] == 0, _A, _B), np.full(rows, _NOISE)


def _gradual(rows: int) -> tuple[Floats, Floats]:
    turned = np.linspace(0.0, np.pi, rows)[:, None]
    return np.cos(turned) * _A + np.sin(turned) * _B, np.full(rows, _NOISE)


def _rising_noise(rows: int) -> tuple[Floats, Floats]:
    return np.tile(_A, (rows, 1)), np.where(np.arange(rows) < rows // 2, _NOISE, 5 * _NOISE)


def _stationary(rows: int) -> tuple[Floats, Floats]:
    return np.tile(_A, (rows, 1)), np.full(rows, _NOISE)


GENERATED: dict[str, tuple[Callable[[int], tuple[Floats, Floats]], int]] = {
    "recurring": (_recurring, 24_000),
    "gradual": (_gradual, 20_000),
    "rising-noise": (_rising_noise, 20_000),
    "stationary": (_stationary, 20_000),
}
"""By name: the weights and the share of wrong labels at each row, and how many rows there are by default.

`recurring` has concepts A B A B …, 3,000 rows each; `gradual` turns slowly to the opposite;
`rising-noise` gets five times as many wrong labels halfway and for good; `stationary` never changes.
"""


def generated(text: str, seed: int = 0) -> Stream | None:
    """The stream that `NAME` or `NAME:ROWS` asks for; None where the name is none of these.

    >>> len(generated("recurring:5000").rows), generated("mine.csv")
    (5000, None)
    """
    name, _, rows = text.partition(":")
    if name not in GENERATED or (rows and not rows.isdigit()):
        return None
    make, usual = GENERATED[name]
    count = int(rows) if rows else usual
    rng = np.random.default_rng([seed, *name.encode()])
    features = rng.normal(size=(count, _FEATURES))
    weights, wrong = make(count)
    said = (features * weights).sum(axis=1) > 0
    labels = np.where(said ^ (rng.random(count) < wrong), "yes", "no").astype(object)
    columns = {f"x{place}": np.ascontiguousarray(features[:, place]) for place in range(_FEATURES)}
    spec = ModelSpec(
        model_id=name,
        task="binary",
        features=dict.fromkeys(columns, Feature()),
        target={"y": TargetField(kind="category")},
        clock="event",
    )
    return Stream(name, spec, Rows(columns, {"y": labels}))
