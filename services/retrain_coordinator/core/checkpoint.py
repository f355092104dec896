"""A model's checkpoint: what the coordinator knew of it right after a frame was taken in."""

from datetime import datetime

from driftloop.cores.checkpoints import Checkpoints, Link, StateOf
from driftloop.spec.model_spec import ModelSpec
from retrain_coordinator.core.state import LAYOUT, ModelState
from retrain_coordinator.core.step import Step


def seal(step: Step, rule: Checkpoints, at: datetime) -> None:
    """Publish the model's state, where the frame that was taken in last brought its clock to a new span.

    What waits for later frames is left out: that is on the log.
    """
    state = step.state
    newest = None if state.sealed is None else Link(state.sealed.number, state.sealed.sha256, state.sealed.at)
    if state.applied is None or not rule.is_due(newest, state.applied, at):
        return
    content = _content_of(step.spec, state)
    made = rule.make(
        StateOf(state.model_id, state.applied, at, step.spec, step.spec_version, LAYOUT, content, state.arrived), newest
    )
    if made is not None:
        out, link = made
        step.outgoing.append(out)
        state.seal(link.number, link.sha256, link.at)


def _content_of(spec: ModelSpec, state: ModelState) -> bytes:
    """The JSON that a checkpoint holds: `spec`, and `entry` without what hangs on how topics interleave."""
    return b'{"spec":' + spec.model_dump_json().encode() + b',"entry":' + state.decided_by() + b"}"
