"""An image holds its service's extra and nothing else: what a service imports is in it."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from driftloop.plugins import extra_of

EXTRAS = {
    "outcome_ingestion": "ingestion",
    "drift_detection": "detection",
    "retrain_coordinator": "coordinator",
    "trainer_worker": "trainer",
    "operations_console": "console",
}
"""Service → the extra that its image is built with (docker-compose.yml)."""
WITH_MORE = {"drift_detection.core.loops.frame_kernel": "numba"}
"""Modules of extras beside it that are loaded only where they can be: module → what it needs."""
IMPORT_ALL = """
import importlib, pkgutil, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
package = importlib.import_module(SERVICE)
for module in pkgutil.walk_packages(package.__path__, SERVICE + "."):
    if not module.name.endswith("__main__") and WITH_MORE.get(module.name) not in FORBIDDEN:
        importlib.import_module(module.name)
"""


def brought(extra: str) -> set[str]:
    """Distributions that driftloop[extra] brings, all that they bring among them."""
    found: set[tuple[str, str]] = set()
    waiting = [("driftloop", ""), ("driftloop", extra)]
    while waiting:
        here = waiting.pop()
        if here in found:
            continue
        found.add(here)
        try:
            lines = distribution(here[0]).requires or []
        except PackageNotFoundError:
            continue
        for wanted in map(Requirement, lines):
            always = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
            if (always and not here[1]) or (not always and wanted.marker.evaluate({"extra": here[1]})):
                waiting += [(canonicalize_name(wanted.name), more) for more in ("", *wanted.extras)]
    return {name for name, _ in found}


@pytest.mark.slow
@pytest.mark.parametrize("service", sorted(EXTRAS))
def test_a_service_imports_nothing_that_its_image_lacks(service):
    there, made_by = brought(EXTRAS[service]), packages_distributions()
    forbidden = {module for module, names in made_by.items() if not {canonicalize_name(name) for name in names} & there}
    forbidden -= {"driftloop", *EXTRAS}
    assert "torch" in forbidden, "an image of a service must not grow by torch unasked"
    code = f"FORBIDDEN, WITH_MORE = {sorted(forbidden)!r}, {WITH_MORE!r}\nSERVICE = {service!r}\n{IMPORT_ALL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_only_services_that_compute_statistics_bring_scipy():
    assert {extra for extra in EXTRAS.values() if "scipy" in brought(extra)} == {"coordinator", "detection", "trainer"}
    assert extra_of("scipy.special") == "statistics"


def test_a_missing_package_is_named_with_the_extra_that_brings_it():
    assert [extra_of(name) for name in ("torch", "sqlalchemy.orm", "faust", "json")] == [
        "torch",
        "cli",
        "console",
        None,
    ]
