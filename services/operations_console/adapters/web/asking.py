"""REST calls that change something: nothing is accepted before the broker has it."""

import difflib
import json
from datetime import timedelta
from typing import Any

import yaml
from pydantic import ValidationError

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.notification_mutes import NotificationMute
from driftloop.cores.second_roll_back import doubt_of
from driftloop.learners.entry_points import recency_problem
from driftloop.processor import Outgoing
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.policy import policy_of
from driftloop.spec.spec_changes import changes
from driftloop.spec.yaml_text import read_mapping
from operations_console.adapters.ports import AwayError
from operations_console.adapters.web.desk import Call, Desk, model_of
from operations_console.adapters.web.hub import seen
from operations_console.adapters.web.reading import mute_told, opened
from operations_console.core import told
from operations_console.core.asked import APPROVER, CommandAsked, FeedbackAsked, MuteAsked, ReplayAsked, SpecAsked
from operations_console.core.commands import command_id, command_of, is_same, label_of
from operations_console.core.problems import ProblemError, away, not_found, unprocessable
from operations_console.core.telling import command_told
from operations_console.core.view.fleet import MEANS
from operations_console.core.view.heads import CommandHead
from operations_console.core.view.model_view import ModelView

_SEEN_WITHIN_S = 10.0
"""How long a spec that is on the log is waited for in the view."""


async def order(desk: Desk, call: Call) -> told.CommandTold:
    """Put a command on the log, and wait for its decision where that is asked for."""
    return await send_command(desk, call, model_of(desk, call), call.body)


async def send_command(desk: Desk, call: Call, model: ModelView, asked: CommandAsked) -> told.CommandTold:
    """Send a command unless the log has it already under the same idempotency key."""
    call.require("approver" if asked.command in APPROVER else "operator", model.model_id)
    now = desk.clock()
    message_id = command_id(call.principal.name, model.model_id, asked, call.key, now)
    message = command_of(asked, model.model_id, call.principal.name, message_id, now)
    known = model.commands.get(str(message_id)) or _elsewhere(desk, str(message_id))
    if known is not None and not is_same(known.raw, message):
        raise ProblemError(
            409, "Key used before", f"The idempotency key {call.key} was sent with another request: draw a new one."
        )
    head = known.head if known else _head(message.command, message, asked)
    if known is None:
        _refuse_second_roll_back(model, asked)
    with desk.hub.follow() as queue:
        if known is None:
            await publish(desk, call, [(topics.MODEL_COMMANDS, model.model_id, desk.sign(message).to_json())])
        await seen(queue, topics.RETRAIN_DECISIONS, lambda: any(model.answers(head.message_id)), asked.wait_seconds)
    return command_told(model, head, repeated=known is not None)


def _refuse_second_roll_back(model: ModelView, asked: CommandAsked) -> None:
    """Raises 409 where it is not clear whether whoever asks knows that the model was rolled back already."""
    if asked.command != "roll_back" or asked.version is not None or asked.seen_champion is not None:
        return
    if doubt := doubt_of(entry.head for entry in model.events.newest()):
        raise ProblemError(409, "Rolled back already", doubt)


def _elsewhere(desk: Desk, message_id: str) -> Any:
    """A command of that id on another model: its key was used before."""
    return next((entry for one in desk.view.models.values() if (entry := one.commands.get(message_id))), None)


def _head(command: str, message: ControlMessage, asked: CommandAsked) -> CommandHead:
    return CommandHead(
        message_id=str(message.message_id), model_id=message.model_id, occurred_at=message.occurred_at,
        command=command, reason=asked.reason, requested_by=message.requested_by, version=asked.version,  # type: ignore[attr-defined]
    )  # fmt: skip


async def publish(desk: Desk, call: Call, records: list[tuple[str, str, bytes]]) -> None:
    """Write records with who asked, from where and by which means; raises 503 where the broker is away."""
    headers = (
        ("driftloop.by", call.principal.name.encode()),
        (MEANS[0], call.remote.encode()),
        (MEANS[1], f"console {call.means}, {call.principal.means}".encode()),
    )
    try:
        await desk.port.publish([Outgoing(topic, key, value, headers) for topic, key, value in records])
    except AwayError as error:
        raise away(f"{error}; send it again with the same Idempotency-Key.") from error


async def mute(desk: Desk, call: Call) -> told.MuteTold:
    """Have nobody told of something new about some models for a while, or again."""
    asked: MuteAsked = call.body
    many = "*" in asked.models or "?" in asked.models
    if many and not {"*", asked.models} & set(call.principal.models):
        raise ProblemError(
            403, "Not allowed", f"{call.principal.name} sees some models only: name one, or the pattern of the token."
        )
    call.require("operator", None if many else asked.models)
    if not many and asked.seconds is not None:
        model_of(desk, call, asked.models)  # a name that no model has would mute nobody
    now = desk.clock()
    until = None if asked.seconds is None else now + timedelta(seconds=asked.seconds)
    message = NotificationMute(
        message_id=derive_id("mute", asked.models, until, call.principal.name, now.isoformat()),
        model_id=asked.models, occurred_at=now, muted_until=until, reason=asked.reason,
        requested_by=call.principal.name,
    )  # fmt: skip
    await publish(desk, call, [(topics.NOTIFICATION_MUTES, asked.models, message.to_json())])
    return mute_told(message)


async def feedback(desk: Desk, call: Call) -> told.LabelTold:
    """Write a label."""
    asked: FeedbackAsked = call.body
    model_of(desk, call, asked.model_id)
    call.require("operator", asked.model_id)
    label = label_of(asked, desk.clock())
    await publish(desk, call, [(topics.PREDICTION_LABELS, label.key, label.to_json())])
    return told.LabelTold(prediction_id=label.key, model_id=label.model_id)


async def replay(desk: Desk, call: Call) -> told.ReplayTold:
    """Send dead letters once more."""
    call.require_all_models()
    asked: ReplayAsked = call.body
    found = await opened(desk, asked.places)
    missing = set(asked.places) - {letter.place for letter in found}
    if missing:
        raise not_found(f"There is no dead letter {', '.join(sorted(missing)[:10])}; nothing was sent.")
    nowhere = [letter.place for letter in found if not letter.topic]
    if nowhere:
        raise unprocessable(f"Dead letter {nowhere[0]} does not say which topic it is from; nothing was sent.")
    try:
        return told.ReplayTold(sent=await desk.port.replay(found))
    except AwayError as error:
        raise away(f"{error}; those that were sent do no harm when they are sent again.") from error


# -- specs ----------------------------------------------------------------------------------------


async def validate_spec(_desk: Desk, call: Call) -> told.SpecCheckedTold:
    """Say whether a spec makes sense."""
    spec, problems = _read(call.body)
    return told.SpecCheckedTold(valid=spec is not None, model_id=spec.model_id if spec else None, problems=problems)


async def diff_spec(desk: Desk, call: Call) -> told.SpecCheckedTold:
    """Say what a spec changes."""
    spec, problems = _read(call.body)
    if spec is None:
        return told.SpecCheckedTold(valid=False, model_id=None, problems=problems)
    known = desk.view.models.get(spec.model_id) if call.principal.sees(spec.model_id) else None
    before = _lines(json.loads(known.spec)) if known and known.spec else []
    after = _lines(spec.model_dump(mode="json"))
    differences = [
        line for line in difflib.unified_diff(before, after, "declared", "this", lineterm="", n=0) if line[:1] in "+-"
    ][2:]
    return told.SpecCheckedTold(valid=True, model_id=spec.model_id, problems=[], differences=differences)


async def apply_spec(desk: Desk, call: Call) -> told.SpecAppliedTold:
    """Declare a model, or change what is declared."""
    spec, problems = _read(call.body)
    if spec is None:
        raise unprocessable(f"The spec makes no sense: {problems[0]}")
    call.require("approver", spec.model_id)
    async with desk.applying:
        return await _declare(desk, call, spec)


async def _declare(desk: Desk, call: Call, spec: ModelSpec) -> told.SpecAppliedTold:
    """Put a spec on the log, and wait until the view has it: the next one is compared with this one."""
    known = desk.view.models.get(spec.model_id)
    before = ModelSpec.model_validate_json(known.spec) if known and known.spec else None
    if known and before == spec:
        return told.SpecAppliedTold(model_id=spec.model_id, spec_version=known.spec_version, changed=False)
    version = (known.spec_version if known else 0) + 1
    message = ModelSpecPublished(
        message_id=derive_id("model-spec", spec.model_id, version),
        model_id=spec.model_id,
        occurred_at=desk.clock(),
        spec_version=version,
        spec=spec,
    )
    with desk.hub.follow() as queue:
        await publish(desk, call, [(topics.MODEL_SPECS, spec.model_id, message.to_json())])
        await seen(queue, topics.MODEL_SPECS, lambda: _has_spec(desk, spec.model_id, version), _SEEN_WITHIN_S)
    found = [] if before is None else [told.FieldChangeTold(**one._asdict()) for one in changes(before, spec)]
    return told.SpecAppliedTold(
        model_id=spec.model_id, spec_version=version, changed=True, created=before is None, changes=found
    )


def _has_spec(desk: Desk, model_id: str, version: int) -> bool:
    known = desk.view.models.get(model_id)
    return known is not None and known.spec_version >= version


def _read(asked: SpecAsked) -> tuple[ModelSpec | None, list[str]]:
    """The spec in a text, or all that is wrong with it."""
    try:
        spec = ModelSpec.model_validate(read_mapping(asked.text))
        if problem := policy_of(spec.policy).problem:
            return None, [problem]
        if problem := recency_problem(spec):
            return None, [f"training: {problem}"]
    except ValidationError as error:
        return None, [f"{'.'.join(map(str, one['loc'])) or 'the spec'}: {one['msg']}" for one in error.errors()]
    except yaml.YAMLError as error:
        return None, [f"it is not YAML: {str(error).splitlines()[0]}"]
    except (ValueError, TypeError, RecursionError) as error:
        return None, [str(error)]
    return spec, []


def _lines(spec: dict[str, Any]) -> list[str]:
    return yaml.safe_dump(spec, sort_keys=True).splitlines()
