"""What tests on real services share."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition; fails at the deadline."""

    def wait(condition: Callable[[], bool], seconds: float = 30.0, what: str = "it") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen within {seconds:.0f} s"
            time.sleep(0.02)

    return wait
