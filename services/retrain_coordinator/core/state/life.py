"""A version's life as one table: status × event → the status after it, or why it cannot happen.

`docs/reference/version-life.md` prints it. Whatever changes a version's status does so through `next_status`.
"""

from collections.abc import Mapping
from typing import Final, Literal

from driftloop.contracts.message import Version
from retrain_coordinator.core.state.entries import Status

Event = Literal["registered", "challenged", "promoted", "relieved", "rolled_back", "archived", "rejected", "deprecated"]
"""As `model-events` names them, but for `relieved`: another version took over, and this one is on probation duty
(scored beside the new champion, so that it can come back). `archived` follows on the log when that ends."""

UNKNOWN: Final = "unknown"
GONE: Final = "gone"


class Refusal(str):
    """Why an event cannot happen to a version of a status; `{version}` and `{status}` stand in it."""

    __slots__ = ()


_NOT_KNOWN = Refusal("version {version} is not known")
_KNOWN = Refusal("version {version} is known already")
_CHAMPION = Refusal("version {version} is the champion already")
_SERVES = Refusal("version {version} serves: another version has to take over first")
_NEVER_SERVED = Refusal("version {version} does not serve")
_IN_SERVICE = Refusal("version {version} is in service ({status}), or would be on a roll-back")

Transitions = Mapping[str, Mapping[Event, Status | Literal["gone"] | Refusal]]

TRANSITIONS: Transitions = {
    UNKNOWN: {
        "registered": "registered",
        "challenged": _NOT_KNOWN,
        "promoted": _NOT_KNOWN,
        "relieved": _NOT_KNOWN,
        "rolled_back": _NOT_KNOWN,
        "archived": _NOT_KNOWN,
        "rejected": _NOT_KNOWN,
        "deprecated": _NOT_KNOWN,
    },
    "registered": {
        "registered": _KNOWN,
        "challenged": "challenger",
        "promoted": "champion",
        "relieved": _NEVER_SERVED,
        "rolled_back": "champion",
        "archived": _NEVER_SERVED,
        "rejected": "rejected",
        "deprecated": _IN_SERVICE,
    },
    "challenger": {
        "registered": _KNOWN,
        "challenged": "challenger",
        "promoted": "champion",
        "relieved": _NEVER_SERVED,
        "rolled_back": "champion",
        "archived": "archived",
        "rejected": "rejected",
        "deprecated": _IN_SERVICE,
    },
    "champion": {
        "registered": _KNOWN,
        "challenged": _CHAMPION,
        "promoted": _CHAMPION,
        "relieved": "archived",
        "rolled_back": _CHAMPION,
        "archived": "archived",
        "rejected": _SERVES,
        "deprecated": _IN_SERVICE,
    },
    "archived": {
        "registered": _KNOWN,
        "challenged": "challenger",
        "promoted": "champion",
        "relieved": _NEVER_SERVED,
        "rolled_back": "champion",
        "archived": "archived",
        "rejected": "rejected",
        "deprecated": GONE,
    },
    "rejected": {
        "registered": _KNOWN,
        "challenged": "challenger",
        "promoted": "champion",
        "relieved": "archived",
        "rolled_back": "champion",
        "archived": "archived",
        "rejected": "rejected",
        "deprecated": GONE,
    },
}
"""`promoted` and `rolled_back` of any version that does not serve: a person may name one, and others may serve it.
`archived` of a challenger or of a rejected version: a predecessor on probation duty may be held against the champion
once more, and its duty ends all the same. `challenged` of a challenger: its owner was asked to let it serve, then
another one, and it still runs in the shadow. `relieved` of a rejected version: entries of earlier releases may name a
champion that was rejected on the step that rolled back to it."""


def refusal(version: Version, status: Status | None, event: Event) -> str | None:
    """Why an event cannot happen to a version of that status (None: it is not known); None if it can.

    >>> refusal("1.0.1", None, "promoted"), refusal("1.0.1", "challenger", "promoted")
    ('version 1.0.1 is not known', None)
    """
    found = TRANSITIONS[status or UNKNOWN][event]
    return found.format(version=version, status=status) if isinstance(found, Refusal) else None


def next_status(version: Version, status: Status | None, event: Event) -> Status | None:
    """The status after an event, None if the version is gone; raises ValueError if the event cannot happen.

    >>> next_status("1.0.1", "challenger", "promoted"), next_status("1.0.1", "archived", "deprecated")
    ('champion', None)
    """
    why = refusal(version, status, event)
    if why is not None:
        raise ValueError(f"{event}: {why}")
    found = TRANSITIONS[status or UNKNOWN][event]
    return None if found == GONE else found  # type: ignore[return-value]  # neither gone nor a refusal any more
