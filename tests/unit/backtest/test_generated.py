"""Made streams: the name says what happens, and the seed says it again."""

import numpy as np
import pytest

from driftloop.errors import UserError
from driftloop.tools.backtest.generated import GENERATED, generated
from driftloop.tools.backtest.opening import open_stream


def right_of_first_rule(stream):
    """How often the label agrees with the rule of the first rows."""
    columns = stream.rows.features
    said = columns["x0"] + 0.6 * columns["x1"] - 0.4 * columns["x2"] > 0
    return (said == (stream.labels == "yes")).astype(float)


@pytest.mark.parametrize("name", GENERATED)
def test_a_name_and_a_seed_make_the_same_stream_always(name):
    one, again, other = generated(f"{name}:500", 3), generated(f"{name}:500", 3), generated(f"{name}:500", 4)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.rows.features["x0"], other.rows.features["x0"])
    assert len(one.rows) == 500


def test_concepts_come_back():
    right = right_of_first_rule(generated("recurring"))
    seasons = [right[first : first + 3000].mean() for first in range(0, 12_000, 3000)]
    assert min(seasons[0], seasons[2]) > 0.9
    assert max(seasons[1], seasons[3]) < 0.6


def test_noise_rises_and_nothing_else_does():
    right = right_of_first_rule(generated("rising-noise"))
    assert right[:10_000].mean() == pytest.approx(0.95, abs=0.02)
    assert right[10_000:].mean() == pytest.approx(0.75, abs=0.02)


def test_a_gradual_stream_ends_at_the_opposite():
    right = right_of_first_rule(generated("gradual"))
    assert right[:1000].mean() > 0.9
    assert right[-1000:].mean() < 0.1


def test_any_other_name_is_a_file():
    with pytest.raises(UserError, match="nothing-of-the-kind"):
        open_stream("nothing-of-the-kind")
