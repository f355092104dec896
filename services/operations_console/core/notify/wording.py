"""What is told of an incident: a title, a text, and the bodies that channels want."""

import json
from dataclasses import dataclass

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
_PAGERDUTY_SEVERITY = {"page": "critical", "ticket": "warning", "info": "info"}


@dataclass(frozen=True, slots=True)
class Telling:
    """One message to one channel. `idempotency_key` is the same whenever it is sent again."""

    channel: str
    incident_key: str
    what: What
    incident_id: str
    title: str
    text: str
    severity: str
    model_id: str
    kind: str
    link: str | None

    @property
    def idempotency_key(self) -> str:
        """What a receiver knows a repeat by."""
        return f"{self.incident_id}-{self.what}"


def telling(incident: Incident, channel: str, what: What, console: str | None) -> Telling:
    """The message that is due."""
    title = _TITLES[incident.kind].format(model=incident.model_id)
    return Telling(
        channel=channel,
        incident_key=incident.key,
        what=what,
        incident_id=str(incident.incident_id),
        title=title if what == "open" else f"Over: {title}",
        text=_text(incident, what),
        severity=SEVERITY[incident.kind],
        model_id=incident.model_id,
        kind=incident.kind,
        link=f"{console.rstrip('/')}/models/{incident.model_id}" if console else None,
    )


def _text(incident: Incident, what: What) -> str:
    if what == "over":
        return f"{incident.over or 'It is over'} (since {incident.since:%Y-%m-%d %H:%M} UTC: {incident.what})"
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
    return json.dumps(
        {
            "incident_id": told.incident_id,
            "event": told.what,
            "model_id": told.model_id,
            "kind": told.kind,
            "severity": told.severity,
            "title": told.title,
            "text": told.text,
            "link": told.link,
        }
    ).encode()
