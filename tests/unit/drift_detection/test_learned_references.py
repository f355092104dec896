"""What tests need of a reference is worked out of all its columns at once, to the bit as of each by itself."""

from dataclasses import replace
from typing import Literal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drift_detection.core.kept.kept_profile import KeptProfile
from drift_detection.core.windows.bins import ColumnBins
from drift_detection.core.windows.groups import Groups
from drift_detection.core.windows.reference import Reference
from drift_detection.core.windows.scores import Location, Spread
from drift_detection.core.windows.tallied import FEWEST_EXPECTED, Basis
from driftloop.tools.bench.together import NO_PROFILE

Floats = NDArray[np.float64]

SMALLEST_WINDOW = 200


@st.composite
def references(draw: st.DrawFn) -> Reference:
    """Columns of few and many bins, even and uneven ones, numbers and categories, with missing values and without."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = draw(st.lists(st.sampled_from((2, 3, 4, 9, 22, 23, 61)), min_size=1, max_size=8))
    evenness = draw(st.sampled_from((0.05, 0.5, 5.0)))
    columns = []
    for place, count in enumerate(counts):
        rows = int(rng.choice((7, 200, 4_001)))
        shares = rng.multinomial(rows, rng.dirichlet(np.full(count, evenness))) / rows
        kind: Literal["number", "category"] = draw(st.sampled_from(("number", "category")))
        optional = draw(st.booleans())
        columns.append(ColumnBins(f"c{place}", kind, shares, rows, (), np.empty(0), {}, optional=optional))
    return Reference("1.0.0", tuple(columns), KeptProfile.of(NO_PROFILE))


def scores_of(shares: Floats, *, squared: bool) -> Floats:
    """Of one column of numbers, by the definition: ranks, or their squared distance from the centre."""
    middle = np.cumsum(shares) - shares / 2
    scores = (middle - middle @ shares / max(shares.sum(), 1e-12)) ** 2 if squared else middle
    mean = float(scores @ shares / max(float(shares.sum()), 1e-12))
    deviation = float(np.sqrt(((scores - mean) ** 2) @ shares))
    return (scores - mean) / deviation if deviation > 1e-9 else np.zeros_like(scores)


def starts_of_groups(shares: Floats, least: float) -> list[int]:
    """Of one column, bin after bin."""
    starts, held = [0], 0.0
    left = shares[::-1].cumsum()[::-1].tolist()
    for place, share in enumerate(shares.tolist()):
        near = abs(left[place] - least) <= 1e-9
        enough = float(shares[place:].sum()) >= least if near else left[place] > least
        if held >= least and enough:
            starts.append(place)
            held = 0.0
        held += share
    return starts


@given(references())
def test_ranks_are_scored_in_one_go_as_column_by_column(reference: Reference) -> None:
    basis = Basis(reference, 0.001, SMALLEST_WINDOW)
    most = 1 - FEWEST_EXPECTED / SMALLEST_WINDOW
    for test, squared in ((Location(basis), False), (Spread(basis), True)):
        wanted = np.zeros(reference.bins)
        for start, column in zip(reference.starts.tolist(), reference.columns, strict=True):
            shares = column.shares[:-1]
            if column.kind == "number" and shares.max() <= most:
                wanted[start : start + len(shares)] = scores_of(shares, squared=squared)
        assert test._scores.tobytes() == wanted.tobytes()


@given(references(), st.sampled_from((0.01, 0.05, 1 / 7, 0.25)))
def test_bins_are_grouped_in_one_go_as_column_by_column(reference: Reference, least: float) -> None:
    starts: list[int] = []
    firsts: list[int] = []
    for start, column in zip(reference.starts.tolist(), reference.columns, strict=True):
        firsts.append(len(starts))
        starts += [start + place for place in starts_of_groups(column.shares, least)]
    found = Groups.of(reference, least)
    assert (found.starts.tolist(), found.columns.tolist()) == (starts, firsts)
    assert found.shares.tobytes() == np.add.reduceat(reference.shares, starts).tobytes()


@given(references(), st.integers(0, 2**32))
def test_what_is_learned_is_what_a_reference_of_its_columns_would_be(reference: Reference, seed: int) -> None:
    rows, rng = 500, np.random.default_rng(seed)
    counts = [rng.multinomial(rows, rng.dirichlet(np.full(one.count, 0.3))) for one in reference.columns]
    tally = np.concatenate([*counts, np.zeros(2 * len(counts), np.int64)])
    Basis(reference, 0.001, SMALLEST_WINDOW).numeric  # noqa: B018 - what is known before is what is had in common
    learned = reference.learned(tally, rows)
    for count, before, column in zip(counts, reference.columns, learned.columns, strict=True):
        present = rows - int(count[-1]) if before.optional else rows
        if not present:
            wanted, of_rows = before.shares, before.rows
        elif present < rows:
            wanted, of_rows = np.append(count[:-1] / present, 0.0), present
        else:
            wanted, of_rows = count / rows, rows
        assert (column.shares.tobytes(), column.rows) == (wanted.tobytes(), of_rows)
    anew = Reference("1.0.0", tuple(replace(one) for one in learned.columns), learned.profile)
    for name in ("starts", "shares", "numeric"):
        assert getattr(learned, name).tobytes() == getattr(anew, name).tobytes()
    assert [part.tolist() for part in learned.tails] == [part.tolist() for part in anew.tails]
    assert (learned.bins, learned.optional) == (anew.bins, anew.optional)
