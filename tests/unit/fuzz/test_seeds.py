"""What the fuzzers start from breaks no decoder; the fuzzers themselves are `make fuzz`."""

import pytest
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_no_seed_breaks_its_decoder(name):
    target = TARGETS[name]
    seeds = list(target.seeds())
    assert seeds
    for seed in seeds:
        target.take(seed)
        target.take(seed[: len(seed) // 2])
