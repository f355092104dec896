"""The conformance suite: every test of windows that an entry point of `driftloop.monitors` names must pass."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from drift_detection.core.windows.bins import ColumnBins, column_bins
from drift_detection.core.windows.protocol import WindowTest, window_test, window_tests
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.tallied import Basis, TalliedWindows
from driftloop.statistics.columns import column_profile
from driftloop.tools.bench.windows import Rows, monitor_of

NAMES = window_tests()
WINDOW = 1000
NO_PROFILE = monitor_of({"x": np.arange(100.0)}, 1.0, 1).battery.reference.profile


def columns(rows: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One of each kind: a number, a skewed one, counts, one with gaps, a rare switch, categories, constants."""
    gaps = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    return {
        "number": rng.normal(size=rows),
        "skewed": rng.lognormal(size=rows),
        "counts": rng.poisson(3, size=rows).astype(float),
        "gaps": gaps,
        "switch": (rng.random(rows) < 0.02).astype(float),
        "category": rng.choice(["a", "b", "c", "d"], rows, p=[0.6, 0.3, 0.09, 0.01]).astype(object),
        "one number": np.full(rows, 3.0),
        "one category": np.full(rows, "a", dtype=object),
    }


def bins_of(name: str, column: np.ndarray) -> ColumnBins:
    made = column_bins(name, column_profile(column))
    assert made is not None
    return made


def reference_of(found: dict[str, np.ndarray]) -> Reference:
    return Reference("1.0.0", tuple(bins_of(name, column) for name, column in found.items()), NO_PROFILE)


REFERENCE = reference_of(columns(4000, np.random.default_rng(0)))
BASIS = Basis(REFERENCE, level=1e-4, smallest_window=WINDOW // 2)


def windows_of(basis: Basis, tallies: list[np.ndarray]) -> TalliedWindows:
    """Windows from counts of the bins; the sums beside them are no matter of a test's."""
    kept = np.zeros((len(tallies), basis.reference.width), dtype=np.int64)
    kept[:, : basis.reference.bins] = tallies
    first = basis.reference.columns[0].count
    return TalliedWindows(basis, kept, kept[:, :first].sum(axis=1))


def drawn(shares: list[np.ndarray], rows: int, rng: np.random.Generator) -> np.ndarray:
    """Counts of a window of so many rows, column by column."""
    return np.concatenate([rng.multinomial(rows, share / share.sum()) for share in shares])


def by_column(reference: Reference, shares: np.ndarray) -> list[np.ndarray]:
    return np.split(shares, reference.starts[1:])


def own_shares(reference: Reference) -> list[np.ndarray]:
    return by_column(reference, reference.shares)


def as_in_reference(reference: Reference, rows: int) -> np.ndarray:
    """Whole counts nearest to the reference's shares, those of a column summing to `rows`."""
    counts = []
    for shares in own_shares(reference):
        ends = np.rint(np.cumsum(shares) / shares.sum() * rows)
        counts.append(np.diff(ends, prepend=0))
    return np.concatenate(counts).astype(np.int64)


def made(name: str, basis: Basis = BASIS) -> WindowTest:
    return window_test(name)(basis)


def some_windows(seed: int, count: int = 12) -> list[np.ndarray]:
    """Windows of several lengths, some as in the reference, some far from it."""
    rng = np.random.default_rng(seed)
    shares = own_shares(REFERENCE)
    other = [rng.dirichlet(np.full(len(share), 0.3)) for share in shares]
    return [
        drawn(shares if place % 2 else other, int(rows), rng)
        for place, rows in enumerate(rng.choice([250, 1000, 2000, 16_000], count))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_windows_give_the_same_and_each_alone_what_it_gives_among_others(name: str) -> None:
    windows = some_windows(1)
    together = made(name).excess(windows_of(BASIS, windows))
    assert together.shape == (len(windows), len(REFERENCE.columns))
    assert (made(name).excess(windows_of(BASIS, windows)) == together).all()
    alone = np.concatenate([made(name).excess(windows_of(BASIS, [window])) for window in windows])
    assert (alone == together).all()
    order = np.random.default_rng(2).permutation(len(windows))
    assert (made(name).excess(windows_of(BASIS, [windows[one] for one in order])) == together[order]).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_remembered_between_windows(name: str) -> None:
    test, far, near = made(name), some_windows(3)[:1], some_windows(4)[1:2]
    before = test.excess(windows_of(BASIS, near))
    test.excess(windows_of(BASIS, far))
    assert (test.excess(windows_of(BASIS, near)) == before).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_within_a_window_does_not_matter(name: str) -> None:
    rng = np.random.default_rng(5)
    rows = columns(WINDOW, rng)
    order = rng.permutation(WINDOW)
    cut = monitor_of(rows, 1.0, 1, window_rows=4 * WINDOW).rings.cut(WINDOW)
    found = []
    for part in (rows, {column: values[order] for column, values in rows.items()}):
        tallies = REFERENCE.tallies(Rows(part)).count(slice(0, WINDOW), cut)
        found.append(made(name).excess(TalliedWindows(BASIS, tallies[:1], np.array([WINDOW]))))
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_column_is_judged_by_itself(name: str) -> None:
    windows = some_windows(6)
    together = made(name).excess(windows_of(BASIS, windows))
    for place, column in enumerate(REFERENCE.columns):
        basis = replace(BASIS, reference=Reference("1.0.0", (column,), NO_PROFILE))
        alone = made(name, basis).excess(
            windows_of(basis, [np.split(one, REFERENCE.starts[1:])[place] for one in windows])
        )
        assert alone[:, 0] == pytest.approx(together[:, place], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [500, 4000, 1_000_000])
def test_counts_as_they_are_in_the_reference_raise_nothing(name: str, rows: int) -> None:
    excess = made(name).excess(windows_of(BASIS, [as_in_reference(REFERENCE, rows)]))
    assert excess.max() < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_column_that_stays_what_it_was_raises_nothing(name: str) -> None:
    reference = reference_of(
        {name: column for name, column in columns(500, np.random.default_rng(7)).items() if "one" in name}
    )
    basis = replace(BASIS, reference=reference, level=0.05)
    counts = as_in_reference(reference, 100_000)
    assert made(name, basis).excess(windows_of(basis, [counts])).tolist() == [[0.0, 0.0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reference_rows", [2000, 20_000])
def test_the_declared_level_holds_on_windows_drawn_as_the_reference_was(name: str, reference_rows: int) -> None:
    level, references, alike = 0.01, 150, 20
    rng = np.random.default_rng([8, reference_rows])
    truth = own_shares(REFERENCE)
    independent = [replace(column, rows=reference_rows, inflation=()) for column in REFERENCE.columns]
    over = np.zeros(len(truth), dtype=int)
    for _ in range(references):
        bins = tuple(
            replace(column, shares=rng.multinomial(reference_rows, share / share.sum()) / reference_rows)
            for column, share in zip(independent, truth, strict=True)
            for _ in range(alike)
        )
        basis = Basis(Reference("1.0.0", bins, NO_PROFILE), level, WINDOW)
        window = drawn([share for share in truth for _ in range(alike)], WINDOW, rng)
        excess = made(name, basis).excess(windows_of(basis, [window]))
        over += (excess >= 1).reshape(len(truth), alike).sum(axis=1)
    most = binom.ppf(1 - 1e-5, references * alike, level)
    assert over.max() <= most, dict(zip(columns(1, rng), (over / (references * alike)).tolist(), strict=True))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.02, 0.3, 3.0]))
def test_the_further_a_window_is_from_the_reference_the_higher_its_excess(name: str, seed: int, spread: float) -> None:
    rng, steps = np.random.default_rng(seed), 20
    before = as_in_reference(REFERENCE, WINDOW)
    basis = replace(BASIS, reference=REFERENCE.learned(before, WINDOW))
    after = drawn([rng.dirichlet(np.full(len(share), spread)) for share in own_shares(REFERENCE)], WINDOW, rng)
    ways = [before * (steps - step) + after * step for step in range(steps + 1)]
    excess = made(name, basis).excess(windows_of(basis, ways))
    assert (np.diff(excess, axis=0) >= -1e-9 * excess[1:] - 1e-12).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_large_change_of_one_kind_or_another_is_found(name: str) -> None:
    rng = np.random.default_rng(9)
    still, moved = columns(WINDOW, rng), columns(WINDOW, rng)
    moved["number"] += 2.0
    moved["skewed"] *= 20.0
    moved["counts"] = np.where(rng.random(WINDOW) < 0.5, 0.0, 9.0)
    moved["gaps"][::2] = np.nan
    moved["switch"] = 1 - moved["switch"]
    moved["category"][::2] = "e"
    cut = monitor_of(still, 1.0, 1, window_rows=4 * WINDOW).rings.cut(WINDOW)
    tallies = [REFERENCE.tallies(Rows(rows)).count(slice(0, WINDOW), cut)[0] for rows in (still, moved)]
    excess = made(name).excess(TalliedWindows(BASIS, np.stack(tallies), np.array([WINDOW, WINDOW])))
    assert excess[0].max() < 1
    assert excess[1].max() > 2


def odd_references() -> dict[str, Reference]:
    """References with nothing to hold on to."""
    empty = tuple(replace(column, shares=np.zeros(column.count), rows=0, inflation=()) for column in REFERENCE.columns)
    all_missing = np.concatenate([np.r_[np.zeros(len(one) - 1), 50] for one in own_shares(REFERENCE)])
    in_one_bin = np.concatenate([np.r_[50, np.zeros(len(one) - 1)] for one in own_shares(REFERENCE)])
    return {
        "of no rows": Reference("1.0.0", empty, NO_PROFILE),
        "of one row": REFERENCE.learned(np.minimum(in_one_bin, 1), 1),
        "all missing": REFERENCE.learned(all_missing, 50),
        "all in one bin": REFERENCE.learned(in_one_bin, 50),
        "as it is": REFERENCE,
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", sorted(odd_references()))
@pytest.mark.parametrize("rows", [1, 1_000_000])
def test_the_excess_is_a_number_whatever_the_counts(name: str, kind: str, rows: int) -> None:
    reference = odd_references()[kind]
    places = [np.arange(len(share)) for share in own_shares(reference)]
    tallies = [np.concatenate([rows * (one == min(bin_, one[-1])) for one in places]) for bin_ in range(25)]
    for level in (1e-12, 0.5):
        basis = Basis(reference, level, 1)
        with np.errstate(divide="raise", invalid="raise", over="raise"):
            excess = made(name, basis).excess(windows_of(basis, tallies))
        assert np.isfinite(excess).all()
        assert (excess >= 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [1e-10, 1e-4, 0.01])
def test_the_p_value_at_the_limit_is_the_level_and_falls_beyond(name: str, level: float) -> None:
    test = made(name, replace(BASIS, level=level))
    for column in range(len(REFERENCE.columns)):
        limit = test.limit(column)
        assert limit > 0
        assert test.p_value(column, limit) == pytest.approx(level, rel=1e-6)
        ways = [test.p_value(column, part * limit) for part in (0.0, 0.5, 1.0, 1.5, 2.0)]
        assert ways == sorted(ways, reverse=True)
        assert all(0 <= p <= 1 for p in ways)
