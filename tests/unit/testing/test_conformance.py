"""The checks that plug-ins get: everything that is installed passes them, and what breaks a promise is named."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drift_detection.core.detectors.always import EveryKRows
from drift_detection.core.detectors.protocol import DetectorDefaults, completed, detectors
from drift_detection.core.windows.protocol import window_test, window_tests
from driftloop.learners.entry_points import make_learner
from driftloop.learners.linear import Linear
from driftloop.testing.conformance import DETECTOR_CHECKS, LEARNER_CHECKS, MONITOR_CHECKS
from driftloop.testing.conformance.detectors import batches_make_no_difference, what_is_no_number_is_refused
from driftloop.testing.conformance.learners import rows_count_by_their_weights

PAGE = Path(__file__).parents[3] / "docs" / "extending.md"
PATIENT = {"kswin", "hddm-a", "hddm-w"}
BY_LUCK = {("kswin", "a_large_rise_is_found")}
"""What river's KSWIN does not promise with its own defaults; test_detectors_conform has a rise that it finds."""


def name_of(check):
    return check.__name__


def watched(name):
    return pytest.param(name, marks=[pytest.mark.slow] if name in PATIENT else [])


@pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=name_of)
@pytest.mark.parametrize("name", [watched(name) for name in sorted(detectors())])
def test_every_installed_detector_passes(name, check):
    if (name, check.__name__) in BY_LUCK:
        pytest.skip("holds thirty losses against thirty that it draws: whether a step is found depends on the draw")
    check(detectors()[name])


@pytest.mark.parametrize("check", MONITOR_CHECKS, ids=name_of)
@pytest.mark.parametrize("name", window_tests())
def test_every_installed_monitor_passes(name, check):
    check(window_test(name))


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=name_of)
def test_a_learner_passes(check):
    check(lambda spec, parameters: make_learner(spec, "linear", parameters))


def test_the_example_of_the_docs_runs_and_passes():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        if "def make(" in block or "def streak(" in block or "DETECTOR_CHECKS" in block:
            exec(compile(block, "extending.md", "exec"), names)
    for test, count in (("detector", 8), ("monitor", 6), ("learner", 7)):
        checks = {"detector": DETECTOR_CHECKS, "monitor": MONITOR_CHECKS, "learner": LEARNER_CHECKS}[test]
        assert len(checks) == count
        for check in checks:
            names[f"test_the_{test}_keeps_its_promises"](check)


class Forgetful(EveryKRows):
    """Counts batches for rows."""

    def update_many(self, values):
        return super().update_many(values[:1])


class Credulous(EveryKRows):
    """Takes everything."""

    def update_many(self, values):
        return super().update_many(np.nan_to_num(values, posinf=0.0, neginf=0.0))


def test_a_detector_that_breaks_a_promise_is_told_which():
    with pytest.raises(AssertionError, match="batches that end at"):
        batches_make_no_difference(lambda reference: Forgetful(reference, rows=5))
    with pytest.raises(AssertionError, match="is not refused with ValueError"):
        what_is_no_number_is_refused(Credulous)


def test_a_detector_of_the_protocol_before_gets_the_defaults():
    class Plain:
        statistic = threshold = 1.0

        def update_many(self, values):
            return 0 if len(values) else None

    found = completed(Plain())
    assert (found.latched, found.is_learning, found.first_level) == (None, False, None)
    found.declare(1e-6)
    assert found.update_many(np.zeros(3)) == 0
    assert isinstance(completed(EveryKRows()), DetectorDefaults)


def test_a_learner_that_says_it_weighs_rows_and_does_not_is_told():
    def unweighed(spec, parameters):
        made = make_learner(spec, "linear", parameters)
        made.fit = lambda rows, *rest, **told: Linear.fit(made, replace(rows, weights=None), *rest, **told)
        return made

    with pytest.raises(AssertionError, match="weights change nothing"):
        rows_count_by_their_weights(unweighed)
