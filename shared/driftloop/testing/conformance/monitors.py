"""What `drift_detection.core.windows.protocol.WindowTest` promises, as checks of a factory."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from drift_detection.core.windows.of_profile import reference_of
from drift_detection.core.windows.protocol import WindowTestFactory
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.tallied import Basis, TalliedWindows
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_profiles import CategoricalProfile, LossProfile, ModelProfile, NumericProfile
from driftloop.statistics.columns import column_profile

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Check = Callable[[WindowTestFactory], None]

WINDOW = 1000
LEVEL = 1e-4


def example_reference(rows: int = 4000, seed: int = 0) -> Reference:
    """A reference with a column of each kind: numbers, gaps, a rare switch, categories, constants."""
    random = np.random.default_rng(seed)
    columns = {
        "number": random.normal(size=rows),
        "skewed": random.lognormal(size=rows),
        "gaps": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)),
        "switch": (random.random(rows) < 0.02).astype(np.float64),
        "category": random.choice(["a", "b", "c", "d"], rows, p=[0.6, 0.3, 0.09, 0.01]).astype(object),
        "constant": np.full(rows, 3.0),
    }
    profiles = {name: column_profile(column) for name, column in columns.items()}
    profile = ModelProfile(
        message_id=derive_id("example", rows, seed),
        model_id="example",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        version="1.0.0",
        spec_version=1,
        numeric={name: one for name, one in profiles.items() if isinstance(one, NumericProfile)},
        categorical={name: one for name, one in profiles.items() if isinstance(one, CategoricalProfile)},
        loss=LossProfile(rows=0, mean=0.0, variance=0.0, bound=1.0),
    )
    return reference_of(profile)


REFERENCE = example_reference()
BASIS = Basis(REFERENCE, level=LEVEL, smallest_window=WINDOW // 2)


def windows_of(basis: Basis, tallies: Sequence[Counts]) -> TalliedWindows:
    """Windows from counts of the reference's bins, columns side by side."""
    kept = np.zeros((len(tallies), basis.reference.width), dtype=np.int64)
    kept[:, : basis.reference.bins] = tallies
    return TalliedWindows(basis, kept, kept[:, : basis.reference.columns[0].count].sum(axis=1))


def _shares() -> list[Floats]:
    return np.split(REFERENCE.shares, REFERENCE.starts[1:])


def _as_before(rows: int) -> Counts:
    """Whole counts nearest to the reference's shares, those of a column summing to `rows`."""
    ends = [np.rint(np.cumsum(share) / share.sum() * rows) for share in _shares()]
    return np.concatenate([np.diff(end, prepend=0) for end in ends]).astype(np.int64)


def _drawn(seed: int, count: int = 8) -> list[Counts]:
    """Windows of several lengths, some drawn as the reference was, some far from it."""
    random = np.random.default_rng(seed)
    other = [random.dirichlet(np.full(len(share), 0.3)) for share in _shares()]
    found = []
    for place, rows in enumerate(random.choice([250, 1000, 2000, 16_000], count).tolist()):
        shares = _shares() if place % 2 else other
        found.append(np.concatenate([random.multinomial(rows, share / share.sum()) for share in shares]))
    return found


def _excess(factory: WindowTestFactory, tallies: Sequence[Counts]) -> Floats:
    return np.asarray(factory(BASIS).excess(windows_of(BASIS, tallies)))


def a_window_is_judged_by_itself(factory: WindowTestFactory) -> None:
    """A window has the same excess, to the bit, alone and among others, and nothing is remembered."""
    windows = _drawn(1)
    test = factory(BASIS)
    together = np.asarray(test.excess(windows_of(BASIS, windows)))
    shape = (len(windows), len(REFERENCE.columns))
    assert together.shape == shape, f"the excess has the shape {together.shape}, not windows × columns {shape}"
    alone = np.concatenate([test.excess(windows_of(BASIS, [window])) for window in windows])
    assert (alone == together).all(), "a window alone has another excess than among others"


def what_is_as_before_raises_nothing(factory: WindowTestFactory) -> None:
    """A window with the reference's own shares is under the limit, however long it is."""
    for rows in (500, 4000, 1_000_000):
        largest = _excess(factory, [_as_before(rows)]).max()
        assert largest < 0.5, f"{rows} rows as in the reference have an excess of {largest:.3g}"


def the_excess_is_a_finite_number(factory: WindowTestFactory) -> None:
    """The excess is finite and at least 0, without a warning, whatever the counts."""
    places = [np.arange(len(share)) for share in _shares()]
    for rows in (1, 1_000_000):
        tallies = [np.concatenate([rows * (one == min(bin_, one[-1])) for one in places]) for bin_ in range(25)]
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            excess = _excess(factory, tallies)
        assert np.isfinite(excess).all(), f"the excess of windows of {rows} rows in one bin is no number"
        assert (excess >= 0).all(), "an excess is below 0"


def farther_is_never_less(factory: WindowTestFactory) -> None:
    """Along the line from the reference to a window, the excess never falls."""
    before, random = _as_before(WINDOW), np.random.default_rng(3)
    basis = Basis(REFERENCE.learned(before, WINDOW), LEVEL, WINDOW // 2)
    drawn = [random.multinomial(WINDOW, random.dirichlet(np.full(len(share), 0.3))) for share in _shares()]
    after = np.concatenate(drawn)
    ways = [before * (20 - step) + after * step for step in range(21)]
    excess = np.asarray(factory(basis).excess(windows_of(basis, ways)))
    assert (np.diff(excess, axis=0) >= -1e-9 * excess[1:] - 1e-12).all(), "farther from the reference, less excess"


def the_level_is_the_p_value_at_the_limit(factory: WindowTestFactory) -> None:
    """The p-value at the limit is the level, and falls as the statistic rises."""
    test = factory(BASIS)
    for column in range(len(REFERENCE.columns)):
        limit = test.limit(column)
        assert limit > 0, f"the limit of column {column} is {limit}"
        at = test.p_value(column, limit)
        assert abs(at - LEVEL) <= 1e-6 * LEVEL, f"the p-value at the limit is {at:.3g}, the level {LEVEL:.3g}"
        values = [test.p_value(column, part * limit) for part in (0.0, 0.5, 1.0, 1.5, 2.0)]
        assert values == sorted(values, reverse=True), f"p-values rise with the statistic: {values}"
        assert all(0 <= value <= 1 for value in values), f"p-values lie in 0…1: {values}"


def the_level_holds(factory: WindowTestFactory) -> None:
    """Of windows drawn as the reference was, hardly one is over the limit at a level of 1 in 10,000."""
    random = np.random.default_rng(8)
    shares = [share / share.sum() for share in _shares()]
    drawn = [np.concatenate([random.multinomial(WINDOW, share) for share in shares]) for _ in range(300)]
    over = int((_excess(factory, drawn) >= 1).sum())
    assert over <= 8, f"{over} of {300 * len(shares)} tests on windows as in the reference alarm at a level of {LEVEL}"


MONITOR_CHECKS: tuple[Check, ...] = (
    a_window_is_judged_by_itself,
    what_is_as_before_raises_nothing,
    the_excess_is_a_finite_number,
    farther_is_never_less,
    the_level_is_the_p_value_at_the_limit,
    the_level_holds,
)
"""Every check of a monitor's test of windows."""
