"""The promises of plug-ins as checks, for the tests of whoever writes one.

Each check is a function of a factory, as an entry point names it, and raises AssertionError with a sentence. They need
no test framework; with pytest:

    @pytest.mark.parametrize("check", DETECTOR_CHECKS, ids=lambda check: check.__name__)
    def test_my_detector_keeps_its_promises(check):
        check(my_package.my_detector)
"""

from driftloop.testing.conformance.detectors import DETECTOR_CHECKS
from driftloop.testing.conformance.learners import LEARNER_CHECKS
from driftloop.testing.conformance.monitors import MONITOR_CHECKS

__all__ = ["DETECTOR_CHECKS", "LEARNER_CHECKS", "MONITOR_CHECKS"]
