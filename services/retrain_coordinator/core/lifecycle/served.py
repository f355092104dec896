"""What outcomes tell of the versions that serve: numbers that are not ours, and a server that stays behind.

Of a model that others serve, `external` makes the version that outcomes name the champion. Of driftloop's own it is
decided, and a server that does not follow would go on with the version before, while all else looks well.
"""

from datetime import timedelta

from driftloop.contracts.drift_status import DriftStatus
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.lifecycle.versions import has_room_above, next_version, parts
from retrain_coordinator.core.state import ModelState

SWAP, ROWS = timedelta(minutes=1), 300
"""How long servers may take to load a version, and so many labelled rows of another one then say that they do not.

Detection takes a version for the serving one after a run of its rows, of 200 if it served before: fewer tell nothing.
"""
_TAIL = 1.5
"""How much later than a p99 of label delays labels are still those of before: that figure is right to within a tenth,
and a few late rows of the version before are enough to cut short the run by which one that came back is known."""


def note(state: ModelState, spec: ModelSpec, status: DriftStatus) -> None:
    """Take in a frame's status: the highest number that is not ours, and who serves in place of the champion.

    Numbers that none of ours can get are left out: those below all that are to come, and absurd ones.
    """
    least = parts(next_version(state.highest, {}, {}))
    for version in (status.model_version, status.numbered_elsewhere):
        if version is None or version in state.versions or not has_room_above(version):
            continue
        if parts(version) >= least:
            state.number_elsewhere(version)
    state.note_behind(_behind_since(state, spec, status))


def stays_behind(state: ModelState) -> bool:
    """Whether a model's server goes on with another version than the champion."""
    since = state.behind_since_row
    return since is not None and state.labelled_rows - since >= ROWS


def _behind_since(state: ModelState, spec: ModelSpec, status: DriftStatus) -> int | None:
    """The labelled row from which on outcomes that were predicted after the promotion name another version.

    A status names the version of the rows that are judged. With late labels these were predicted about
    `label_delay_p99_seconds` before. A canary's rows are no sign of a server that stays behind, nor are those whose
    labels come after it was rejected: its share may be large, or its rows come in runs.
    """
    version, since = status.model_version, state.champion_since
    if spec.serving == "external" or spec.variants is not None or since is None or version in {None, state.champion}:
        return None
    if spec.challenge.mode == "canary" and state.status_of(version) in {"challenger", "rejected"}:
        return None
    late = timedelta(seconds=_TAIL * status.metrics.get("label_delay_p99_seconds", 0.0))
    if state.behind_since_row is not None or status.as_of - late <= since + SWAP:
        return state.behind_since_row
    return status.labelled_rows
