"""Who is told of what: channels, and the rules that lead to them."""

from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from driftloop.spec.cron import cron_problem, never_fires, next_after

Kind = Literal["harm", "shift", "approval", "training_failed", "promotion", "roll_back", "frozen"]
Severity = Literal["page", "ticket", "info"]

SEVERITY: dict[Kind, Severity] = {
    "harm": "page",
    "roll_back": "page",
    "training_failed": "ticket",
    "approval": "ticket",
    "frozen": "info",
    "shift": "info",
    "promotion": "info",
}

_MINUTES_A_DAY = 24 * 60
_MIDNIGHT = ("24:00", _MINUTES_A_DAY)
_INSTANT = timedelta(microseconds=1)


class Part(BaseModel):
    """A part of the rules. Unknown keys are refused: a typing error must not keep anybody asleep."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Channel(Part):
    """A way to tell somebody. What is secret is read from a file: `url_file`, `key_file`, `password_file`."""

    kind: Literal["slack", "pagerduty", "webhook", "mail"]
    url: str | None = Field(default=None, pattern=r"^https?://")
    url_file: str | None = None
    key_file: str | None = Field(default=None, description="PagerDuty's routing key; a webhook's signing key")
    host: str | None = Field(default=None, description="mail: the server, as host or host:port")
    sender: str | None = Field(default=None, alias="from")
    to: tuple[str, ...] = ()
    user: str | None = None
    password_file: str | None = None
    knows_repeats: bool | None = Field(
        default=None,
        description="whether the receiver takes a message once however often it is sent under one key; left out: "
        "pagerduty and webhook do, slack and mail do not",
    )

    @property
    def may_repeat(self) -> bool:
        """Whether a message may be sent as often as it takes: the receiver knows a repeat by its key."""
        return self.kind in ("pagerduty", "webhook") if self.knows_repeats is None else self.knows_repeats

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.kind in ("slack", "webhook") and not (self.url or self.url_file):
            raise ValueError(f"a channel of kind {self.kind} needs url or url_file")
        if self.kind == "pagerduty" and not self.key_file:
            raise ValueError("a channel of kind pagerduty needs key_file, with its routing key")
        if self.kind == "mail" and not (self.host and self.sender and self.to):
            raise ValueError("a channel of kind mail needs host, from and to")
        return self


class Quiet(Part):
    """Hours (UTC) in which nobody is told of what is no page: it waits for their end."""

    begin: time = Field(alias="from")
    end: time = Field(alias="until")

    @field_validator("begin", "end", mode="before")
    @classmethod
    def _as_yaml_reads_it(cls, at: object) -> object:
        """YAML reads 22:00 without quotes as the number 1320: that many minutes. 24:00 is midnight."""
        if isinstance(at, int) and not isinstance(at, bool) and 0 <= at < _MINUTES_A_DAY:
            return time(*divmod(at, 60))
        return time() if at in _MIDNIGHT else at

    @field_validator("begin", "end")
    @classmethod
    def _is_utc(cls, at: time) -> time:
        if at.tzinfo is not None and at.utcoffset():
            raise ValueError("quiet hours are in UTC: leave the zone out")
        return at.replace(tzinfo=None)

    @model_validator(mode="before")
    @classmethod
    def _ends(cls, given: Any) -> Any:
        """A whole day has no end that could be waited for."""
        if isinstance(given, dict) and given.get("until") in _MIDNIGHT and given.get("from") in ("00:00", 0, time()):
            raise ValueError("quiet hours from 00:00 until 24:00 never end: mute the rule with muted_until instead")
        return given

    def over_at(self, now: datetime) -> datetime:
        """When quiet is over; now, where it is not quiet."""
        at = now.timetz().replace(tzinfo=None)
        within = self.begin <= at < self.end if self.begin <= self.end else at >= self.begin or at < self.end
        if not within:
            return now
        end = datetime.combine(now.date(), self.end, now.tzinfo)
        return end if end > now else end + timedelta(days=1)


class Rule(Part):
    """Leads incidents to channels. What is left out matches everything."""

    models: tuple[str, ...] = ("*",)
    kinds: tuple[Kind, ...] = ()
    severity: tuple[Severity, ...] = ()
    to: tuple[str, ...] = Field(min_length=1)
    quiet: Quiet | None = None
    after_minutes: float = Field(default=0.0, ge=0, description="escalation: told only if it still stands by then")
    muted_until: datetime | None = Field(default=None, description="UTC where it names no zone")
    digest: str | None = Field(default=None, description="cron (UTC): told together, in one message at these moments")

    @field_validator("muted_until")
    @classmethod
    def _in_utc(cls, until: datetime | None) -> datetime | None:
        return until.replace(tzinfo=UTC) if until is not None and until.tzinfo is None else until

    @field_validator("digest")
    @classmethod
    def _is_a_schedule(cls, digest: str | None) -> str | None:
        if digest is not None and (problem := cron_problem(digest) or never_fires(digest)):
            raise ValueError(problem)
        return digest

    def leads_from(self, opened: datetime) -> datetime:
        """From when on it leads what opened then anywhere."""
        return opened + timedelta(minutes=self.after_minutes)

    def route(self, kind: Kind, now: datetime) -> "Route":
        """When what it matches is told, and how."""
        at = self.told_at(kind, self.leads_from(now))
        return Route(at, self.after_minutes > 0, self.digest is not None)

    def told_at(self, kind: Kind, then: datetime) -> datetime:
        """The first moment from `then` on at which somebody may be told.

        Of a digest it is its next moment after `then`; one in quiet hours is put off until they end.
        """
        at = self.not_quiet(kind, then)
        if self.digest is None:
            return at
        slot = next_after(self.digest, max(then, at - _INSTANT))  # the very end of quiet hours may be one
        return self.not_quiet(kind, slot) if slot is not None else at

    def not_quiet(self, kind: Kind, then: datetime) -> datetime:
        """The first moment from `then` on that is not in quiet hours."""
        return self.quiet.over_at(then) if self.quiet and SEVERITY[kind] != "page" else then

    def matches(self, model_id: str, kind: Kind, now: datetime) -> bool:
        """Whether the rule leads this incident anywhere."""
        muted = self.muted_until is not None and now < self.muted_until
        return (
            not muted
            and any(fnmatchcase(model_id, pattern) for pattern in self.models)
            and (not self.kinds or kind in self.kinds)
            and (not self.severity or SEVERITY[kind] in self.severity)
        )


class Rules(Part):
    """The file of rules. `console` is the console's address, for links."""

    console: str | None = Field(default=None, pattern=r"^https?://")
    channels: dict[str, Channel] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _channels_are_there(self) -> Self:
        missing = {name for rule in self.rules for name in rule.to} - set(self.channels)
        if missing:
            raise ValueError(f"rules lead to channels that are not declared: {', '.join(sorted(missing))}")
        paged = {name for rule in self.rules if rule.digest for name in rule.to if self._is_pager(name)}
        if paged:
            raise ValueError(f"a digest cannot be sent to a pager: {', '.join(sorted(paged))}")
        return self

    def _is_pager(self, channel: str) -> bool:
        return self.channels[channel].kind == "pagerduty"

    def route(self, model_id: str, kind: Kind, now: datetime) -> dict[str, "Route"]:
        """Channel → from when on it may be told. Pages know no quiet hours."""
        found: dict[str, Route] = {}
        for rule in self.rules:
            if rule.matches(model_id, kind, now):
                route = rule.route(kind, now)
                for name in rule.to:
                    found[name] = min(route, found.get(name, route))
        return found

    def over_at(self, model_id: str, kind: Kind, channel: str, now: datetime) -> datetime:
        """When a channel may be told that an incident is over: quiet hours and digests count, escalation does not."""
        leading = (rule for rule in self.rules if channel in rule.to and rule.matches(model_id, kind, now))
        return min((rule.told_at(kind, now) for rule in leading), default=now)

    def quiet_over_at(self, model_id: str, kind: Kind, channel: str, opened: datetime, then: datetime) -> datetime:
        """The first moment from `then` on at which a rule leads an incident to a channel and does not keep it quiet.

        A rule that escalates leads there from its time after `opened` on. Where no rule does any more, it is `then`.
        """
        leading = (rule for rule in self.rules if channel in rule.to and rule.matches(model_id, kind, then))
        return min((rule.not_quiet(kind, max(then, rule.leads_from(opened))) for rule in leading), default=then)


class Route(NamedTuple):
    """When a channel may be told, whether only if the incident still stands then, and whether with others."""

    at: datetime
    unless_over: bool = False
    digest: bool = False
