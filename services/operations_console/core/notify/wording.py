"""What is told of an incident: a title, a text, and the bodies that channels want."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from driftloop.contracts.message import derive_id
from operations_console.core.notify.outbox import Incident, What
from operations_console.core.notify.rules import SEVERITY

_TITLES = {
    "harm": "{model} loses more than it should",
    "shift": "{model}: its data have shifted, without harm so far",
    "approval": "{model} waits for a person",
    "training_failed": "{model}: a training run failed",
    "promotion": "{model}: another version serves",
    "roll_back": "{model} was rolled back",
    "frozen": "{model} is frozen",
}
_COMMANDS = {
    "harm": ("driftloop status {model}", "driftloop freeze {model} --reason WHY"),
    "approval": ("driftloop approve {model} --reason WHY", "driftloop veto {model} --reason WHY"),
    "training_failed": ("driftloop models history {model}", "driftloop retrain {model} --reason WHY"),
    "promotion": ("driftloop models show {model}", "driftloop rollback {model} --reason WHY"),
    "roll_back": ("driftloop models history {model}",),
    "frozen": ("driftloop unfreeze {model} --reason WHY",),
    "shift": ("driftloop status {model}",),
}
_RANK = ("page", "ticket", "info")
_PAGERDUTY_SEVERITY = {"page": "critical", "ticket": "warning", "info": "info"}


@dataclass(frozen=True, slots=True)
class Telling:
    """One message to one channel. `idempotency_key` is the same whenever it is sent again.

    Of a digest, `incident_id` is its own, and `incidents` is what it tells of.
    """

    channel: str
    what: What | Literal["digest"]
    incident_id: str
    title: str
    text: str
    severity: str
    model_id: str
    kind: str
    link: str | None
    incidents: tuple["Telling", ...] = ()

    @property
    def idempotency_key(self) -> str:
        """What a receiver knows a repeat by."""
        return f"{self.incident_id}-{self.what}"


def telling(incident: Incident, channel: str, what: What, console: str | None) -> Telling:
    """The message that is due."""
    title = _TITLES[incident.kind].format(model=incident.model_id)
    return Telling(
        channel=channel,
        what=what,
        incident_id=str(incident.incident_id),
        title=title if what == "open" else f"Over: {title}",
        text=_text(incident, what, channel),
        severity=SEVERITY[incident.kind],
        model_id=incident.model_id,
        kind=incident.kind,
        link=f"{console.rstrip('/')}/models/{incident.model_id}" if console else None,
    )


Items = Sequence[tuple[Incident, tuple[What, ...]]]


def digest_of(channel: str, items: Items) -> str:
    """A digest's id: of the same incidents to the same channel it is the same."""
    parts = sorted(f"{incident.incident_id} {' '.join(whats)}" for incident, whats in items)
    return str(derive_id("digest", channel, *parts))


def digest_telling(items: Items, channel: str, console: str | None) -> Telling:
    """One message of several incidents, by model and since when they stand."""
    ordered = sorted(items, key=lambda item: (item[0].model_id, item[0].since, item[0].key))
    told = tuple(telling(incident, channel, what, console) for incident, whats in ordered for what in whats)
    models = len({one.model_id for one in told})
    return Telling(
        channel=channel,
        what="digest",
        incident_id=digest_of(channel, items),
        title=f"{len(items)} incident{'s' * (len(items) > 1)} of {models} model{'s' * (models > 1)}",
        text="\n\n".join(f"{one.title}\n{one.text}" for one in told),
        severity=min((one.severity for one in told), key=_RANK.index),
        model_id=told[0].model_id if models == 1 else "",
        kind="digest",
        link=f"{console.rstrip('/')}/" if console else None,
        incidents=told,
    )


def _text(incident: Incident, what: What, channel: str) -> str:
    if what == "over":
        unsure = " It is not known whether you were told when it began." if channel in incident.unsure else ""
        return f"{incident.over or 'It is over'} (since {incident.since:%Y-%m-%d %H:%M} UTC: {incident.what}){unsure}"
    lines = [f"{incident.what}", f"Since {incident.since:%Y-%m-%d %H:%M} UTC."]
    lines += [command.format(model=incident.model_id) for command in _COMMANDS[incident.kind]]
    return "\n".join(lines)


def slack_body(told: Telling) -> bytes:
    """For Slack's incoming webhooks."""
    link = f"\n<{told.link}|Open the console>" if told.link else ""
    return json.dumps({"text": f"*{_plain(told.title)}*\n{_plain(told.text)}{link}"}).encode()


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def pagerduty_body(told: Telling, routing_key: str) -> bytes:
    """For PagerDuty's Events API v2."""
    event: dict[str, object] = {
        "routing_key": routing_key,
        "event_action": "trigger" if told.what == "open" else "resolve",
        "dedup_key": told.incident_id,
    }
    if told.what == "open":
        event["payload"] = {
            "summary": told.title[:1024],
            "source": told.model_id,
            "severity": _PAGERDUTY_SEVERITY[told.severity],
            "class": told.kind,
            "custom_details": {"what": told.text},
        }
        event["links"] = [{"href": told.link, "text": "console"}] if told.link else []
    return json.dumps(event).encode()


def webhook_body(told: Telling) -> bytes:
    """For a webhook of one's own."""
    body = _fields(told)
    if told.incidents:
        body["incidents"] = [_fields(one) for one in told.incidents]
    return json.dumps(body).encode()


def _fields(told: Telling) -> dict[str, object]:
    return {
        "incident_id": told.incident_id,
        "event": told.what,
        "model_id": told.model_id,
        "kind": told.kind,
        "severity": told.severity,
        "title": told.title,
        "text": told.text,
        "link": told.link,
    }
