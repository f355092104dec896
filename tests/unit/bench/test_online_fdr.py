"""The online FDR rules that the budget is compared with do what their papers say."""

import numpy as np
import pytest

from driftloop.tools.bench.online_fdr import ConstantLevel, OnlineRule

RULES = [
    OnlineRule("LORD++", 0.1),
    OnlineRule("SAFFRON", 0.1, candidate=0.5),
    OnlineRule("ADDIS", 0.1, candidate=0.25, discard=0.5),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_share_of_false_rejections_is_bounded_and_power_is_there(rule: OnlineRule) -> None:
    shares, powers = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        true = rng.random(300) < 0.2
        p_values = np.where(true, rng.random(300) * 1e-5, rng.random(300))
        found = rule.rejected(p_values)
        shares.append(float(np.mean(~true[found])) if len(found) else 0.0)
        powers.append(float(np.mean(np.isin(np.flatnonzero(true), found))))
    assert np.mean(shares) <= 0.1
    assert np.mean(powers) > 0.9


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_after_a_quiet_stretch_less_is_found(rule: OnlineRule) -> None:
    quiet = np.random.default_rng(1).random(100_000)
    quiet[quiet < 1e-4] = 0.5
    weak = np.full(20, 1e-6)
    assert len(rule.rejected(np.r_[quiet[:10], weak])) > len(rule.rejected(np.r_[quiet, weak]))


def test_a_rejection_earns_a_higher_level() -> None:
    rule = OnlineRule("LORD++", 0.1)
    quiet = np.full(5000, 0.5)
    assert rule.rejected(np.r_[quiet, 4e-6]).tolist() == []
    assert rule.rejected(np.r_[quiet, 1e-9, 4e-6]).tolist() == [5000, 5001]


def test_a_constant_level_rejects_what_is_below_it() -> None:
    assert ConstantLevel("constant", 0.01).rejected(np.array([0.5, 0.01, 0.2, 0.0])).tolist() == [1, 3]
