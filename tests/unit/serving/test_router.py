import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.serving import TrafficRouter


@given(st.text(), st.integers(-(2**31), 2**31))
def test_a_key_always_goes_to_the_same_arm(key, seed):
    assert TrafficRouter(seed=seed).route(key) == TrafficRouter(seed=seed).route(key)


def test_a_tenth_of_the_keys_sees_the_challenger():
    router = TrafficRouter({"1.0.0": 0.9, "1.0.1": 0.1}, seed=3)
    share = sum(router.route(f"user-{i}") == "1.0.1" for i in range(20_000)) / 20_000
    assert share == pytest.approx(0.1, abs=0.01)


def test_another_seed_splits_otherwise():
    first, second = TrafficRouter(seed=1), TrafficRouter(seed=2)
    assert any(first.route(f"user-{i}") != second.route(f"user-{i}") for i in range(200))


def test_keys_of_the_first_arm_stay_when_a_later_share_is_split():
    two = TrafficRouter({"a": 0.8, "b": 0.2})
    three = TrafficRouter({"a": 0.8, "b": 0.1, "c": 0.1})
    for key in map(str, range(1000)):
        assert (two.route(key) == "a") == (three.route(key) == "a")


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}])
def test_shares_must_be_shares(shares):
    with pytest.raises(ValueError, match="sum to 1"):
        TrafficRouter(shares)
