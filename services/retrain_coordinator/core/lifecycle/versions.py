"""Numbers of versions, by a declared rule.

The first is 1.0.0. Retraining is a patch; another set of features is a minor version; another
target or task a major one. A number is given once: that of a failed run is not used again, so that
no artifact can ever be mistaken for another. Nor is a number that somebody else gave: whoever serves a model may call
its version 1.0.0 before driftloop has trained one.
"""

import json

from driftloop.contracts.message import Version
from driftloop.cores.version_order import is_numbered
from driftloop.spec.compatibility import target_of
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.state import ModelState


def signature(spec: ModelSpec) -> dict[str, str]:
    """What of a spec decides the number: its features, and its target with the task."""
    features = {name: feature.model_dump() for name, feature in sorted(spec.features.items())}
    return {"features": json.dumps(features, sort_keys=True), "target": target_of(spec)}


def next_version(highest: Version | None, before: dict[str, str], now: dict[str, str]) -> Version:
    """The number after `highest`, given the signatures of the spec then and now.

    >>> same = {"features": "a", "target": "t"}
    >>> next_version(None, {}, same), next_version("1.0.3", same, same)
    ('1.0.0', '1.0.4')
    >>> next_version("1.0.3", same, {"features": "b", "target": "t"})
    '1.1.0'
    >>> next_version("1.1.0", same, {"features": "a", "target": "u"})
    '2.0.0'
    """
    if highest is None:
        return "1.0.0"
    major, minor, patch = parts(highest)
    if before and before["target"] != now["target"]:
        return f"{major + 1}.0.0"
    if before and before["features"] != now["features"]:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def next_number(state: ModelState, spec: ModelSpec) -> Version:
    """The number of a model's next version: above all that were given, here or by whoever else serves the model."""
    return next_version(state.elsewhere or state.highest, state.signature, signature(spec))


def parts(version: Version) -> tuple[int, int, int]:
    """Major, minor, patch as numbers, so that versions compare; a version that its owner named otherwise is below all.

    >>> parts("1.0.10") > parts("1.0.9") > parts("2026-05-01-abc")
    True
    """
    if not is_numbered(version):
        return -1, -1, -1
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def highest_of(highest: Version | None, version: Version) -> Version | None:
    """The highest number so far when `version` is met; one that its owner named otherwise changes nothing.

    >>> highest_of("1.0.3", "2026-05"), highest_of("1.0.3", "1.0.9"), highest_of(None, "blue")
    ('1.0.3', '1.0.9', None)
    """
    if not is_numbered(version) or (highest is not None and parts(version) <= parts(highest)):
        return highest
    return version
