"""Numbers of versions, by a declared rule.

The first is 1.0.0. Retraining is a patch; another set of features is a minor version; another
target or task a major one. A number is given once: that of a failed run is not used again, so that
no artifact can ever be mistaken for another. Nor is a number that somebody else gave: whoever serves a model may call
its version 1.0.0 before driftloop has trained one.
"""

import json

from driftloop.contracts.message import Version
from driftloop.cores.version_order import MOST, is_numbered
from driftloop.spec.compatibility import target_of
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.state import ModelState


def signature(spec: ModelSpec) -> dict[str, str]:
    """What of a spec decides the number: its features, and its target with the task."""
    features = {name: feature.model_dump() for name, feature in sorted(spec.features.items())}
    return {"features": json.dumps(features, sort_keys=True), "target": target_of(spec)}


def next_version(highest: Version | None, before: dict[str, str], now: dict[str, str]) -> Version:
    """The number after `highest`, given the signatures of the spec then and now.

    A part that has no room left leaves counting to the one before it; where none has any, numbers begin anew.

    >>> same = {"features": "a", "target": "t"}
    >>> next_version(None, {}, same), next_version("1.0.3", same, same)
    ('1.0.0', '1.0.4')
    >>> next_version("1.0.3", same, {"features": "b", "target": "t"})
    '1.1.0'
    >>> next_version("1.1.0", same, {"features": "a", "target": "u"})
    '2.0.0'
    >>> next_version("1.0.999999999", same, same)
    '1.1.0'
    """
    if highest is None or not is_numbered(highest):
        return "1.0.0"
    major, minor, patch = parts(highest)
    numbers = (major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1)
    wanted = 2
    if before and before["features"] != now["features"]:
        wanted = 1
    if before and before["target"] != now["target"]:
        wanted = 0
    room = (number for number in (*numbers[wanted::-1], *numbers[wanted + 1 :]) if max(number) <= MOST)
    return ".".join(map(str, next(room, (1, 0, 0))))


def has_room_above(version: Version) -> bool:
    """Whether it is numbered, and numbers can go on above it whatever a spec changes.

    >>> has_room_above("1.0.999999999"), has_room_above("999999999.0.0"), has_room_above("blue")
    (True, False, False)
    """
    return is_numbered(version) and parts(version)[0] < MOST


def next_number(state: ModelState, spec: ModelSpec) -> Version:
    """The number of a model's next version: above all that were given, here or by whoever else serves the model."""
    ours = _next_of_ours(state, spec)
    if state.elsewhere is None or parts(state.elsewhere) < parts(ours):
        return ours
    return next_version(state.elsewhere, state.signature, signature(spec))


def stands_above(state: ModelState, spec: ModelSpec) -> Version | None:
    """The number of somebody else that the next one has to be above; None where the next of ours is above all."""
    return state.elsewhere if next_number(state, spec) != _next_of_ours(state, spec) else None


def _next_of_ours(state: ModelState, spec: ModelSpec) -> Version:
    return next_version(state.highest, state.signature, signature(spec))


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
    if not has_room_above(version) or (highest is not None and parts(version) <= parts(highest)):
        return highest
    return version
