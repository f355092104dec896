"""A policy: when a model may be retrained, as data. Triggers ask, safeguards can only refuse.

A policy is a preset (`policy: metrics-forecast` in a model's spec), or a preset with differences
(`policy: {preset: default, safeguards: {least_gap_seconds: 3600}}`). The presets are files beside
this module; every number of the five source systems stands in one of them and nowhere in code.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from driftloop.spec.challenge import ChallengeRule
from driftloop.spec.cron import cron_problem, never_fires
from driftloop.spec.part import Free, SpecPart
from driftloop.spec.preset_files import preset_data, preset_names

__all__ = [
    "Policy", "combined_weights", "policy_in_force", "policy_of", "preset", "preset_names", "unusable_policy",
]  # fmt: skip
Mode = Literal["full", "incremental"]
DAY_SECONDS = 86_400.0


class MetricRule(SpecPart):
    """A metric of `drift-status` (or a statistic of its tests, over any subject) beyond a limit.

    `name` is the trigger that a decision names. The rule is silent until its metric rests on
    `minimum_rows` rows. `mode`, where given, overrides the policy's.
    """

    name: str
    """The trigger that a decision names."""
    metric: str
    """A metric of `drift-status`, or a statistic of its tests."""
    above: float | None = None
    """Broken by any value above this."""
    below: float | None = None
    """Broken by any value below this; give exactly one of the two limits."""
    minimum_rows: int = Field(default=0, ge=0)
    """Rows that the metric must rest on."""
    mode: Mode | None = None
    """The kind of run; none: the policy's."""

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"metric rule {self.name} needs one of above and below")
        return self

    def broken_by(self, value: float) -> bool:
        """Whether `value` is beyond the limit.

        >>> MetricRule(name="floor", metric="accuracy", below=0.7).broken_by(0.65)
        True
        """
        return value > self.above if self.above is not None else value < (self.below or 0.0)

    @property
    def limit(self) -> float:
        """The number that is compared with."""
        return self.above if self.above is not None else (self.below or 0.0)


class Schedule(SpecPart):
    """A calendar: five cron fields in UTC, and what kind of run it asks for."""

    cron: str
    """Five fields, in UTC: minute, hour, day of month, month, day of week."""
    mode: Mode = "full"
    """The kind of run that it asks for."""

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, cron: str) -> str:
        problem = cron_problem(cron)
        if problem:
            raise ValueError(problem)
        return cron


class Triggers(SpecPart):
    """What asks for a run, in the order in which they are named when several do.

    A person's command always asks. `first_version_rows` starts a model's first run by itself once
    so many labelled rows are there. `new_rows` and `feedback_rows` count since the last run.
    """

    harmful_drift: bool = True
    """A harmful drift signal asks for a run."""
    signals: tuple[str, ...] = ()
    """Kinds of `drift-signals` that ask even where the loss did not rise."""
    metrics: tuple[MetricRule, ...] = ()
    """Metrics beyond a limit ask for a run."""
    payoff: dict[str, float | str] | None = None
    """Parameters of the payoff rule; None switches it off."""
    attainable: bool = False
    """Scoring tells on every frame what is attainable now and what archived versions lose; the payoff
    rule goes by that instead of by the champion's loss alone."""
    new_rows: int | None = Field(default=None, ge=1)
    """Ask once so many labelled rows have come since the last run."""
    feedback_rows: int | None = Field(default=None, ge=1)
    """Ask once so many labels by users have come since the last run."""
    schedule: Schedule | None = None
    """Ask by the calendar."""
    forced_age_seconds: float | None = Field(default=None, gt=0)
    """Ask once the champion is as old as this, whatever it loses."""
    first_version_rows: int | None = Field(default=None, ge=2)
    """Ask for a model's first version once so many labelled rows are there."""


class QuietRule(SpecPart):
    """A host's figure that must be below a limit, and how old a reading may be to count."""

    reading: str
    """The name of a reading (`driftloop readings`)."""
    below: float
    """Quiet means below this."""
    maximum_age_seconds: float = Field(default=900.0, gt=0)
    """An older reading does not count, so the rule refuses."""


class Safeguards(SpecPart):
    """What can only refuse. Freeze, one run at a time and the automation switches always hold."""

    least_gap_seconds: float = Field(default=0.0, ge=0)
    """Least time between the starts of two runs."""
    maximum_runs: int | None = Field(default=None, ge=1)
    """Most runs within `span_seconds`."""
    span_seconds: float = Field(default=7 * DAY_SECONDS, gt=0)
    """The span in which runs are counted."""
    quiet: tuple[QuietRule, ...] = ()
    """Figures of a host that must all be below their limits."""
    minimum_rows: int = Field(default=0, ge=0)
    """Labelled rows of the model before a run."""
    minimum_new_rows: int = Field(default=0, ge=0)
    """Labelled rows since the last run before another."""
    free_disk_gb: float | None = Field(default=None, gt=0)
    """Needs the reading `free_disk_gb`."""
    veto_window_seconds: float = Field(default=0.0, ge=0)
    """How long a proven challenger waits for a person's veto before it is promoted."""
    approval: tuple[Literal["retrain", "promote"], ...] = ()
    """What waits for the command `approve`."""
    patience_rows: int = Field(default=500, ge=0)
    """Rows that an unproven challenger is scored on before a new run may replace it."""
    quarantine_rows: int = Field(default=0, ge=0)
    """Labelled rows that must confirm evidence of drift before a run learns from the rows that raised it: the
    trigger has to ask still when they have come. Rows whose evidence passes unconfirmed are never learnt from."""
    retry_rows: int = Field(default=100, ge=1)
    """Rows to wait after a failed run, doubled with each further failure."""
    reuse_candidates: int = Field(default=0, ge=0, le=20)
    """How many archived versions, the newest first, a run tries on the newest rows before it trains."""


class Window(SpecPart):
    """Which rows a run learns from: the last `rows` (None: the spec's maximum), none older than
    `seconds`. With `onset`, a run that a drift signal asks for learns the rows since the drift began, and
    of the older ones only so many that they are `replay_share` of its rows."""

    rows: int | None = Field(default=None, ge=2)
    """Most rows; none: `training.maximum_rows` of the spec."""
    seconds: float | None = Field(default=None, gt=0)
    """Greatest age of a row."""
    onset: bool = True
    """Whether a run that a drift signal asks for goes by the rows since the drift began; else it learns the whole
    window."""
    replay_share: float = Field(default=0.5, ge=0, lt=1)
    """With onset: which share of such a run's rows is from before the drift, evenly spread over the window, so that
    what is still true is not forgotten. Where the rows since are fewer than a run needs, older ones fill up."""


class Policy(SpecPart):
    """When to retrain, on what, and what must hold before."""

    name: str = "custom"
    """How decisions call the policy."""
    description: str = ""
    """One sentence for people."""
    triggers: Triggers = Triggers()
    """What asks for a run."""
    safeguards: Safeguards = Safeguards()
    """What can only refuse one."""
    mode: Mode = "full"
    """How a run trains unless its trigger says otherwise: anew, or on from the champion."""
    window: Window = Window()
    """Which rows a run learns from."""
    challenge: Free[dict[str, Any] | None] = None
    """How a new version is proven, as far as the spec's own `challenge` does not say."""
    combined_weights: dict[str, float] | None = None
    """Weights of the metric `combined_score`; none: those of preset metrics-forecast."""
    combined_limit: float | None = Field(default=None, gt=0)
    """Above it the metric `combined_score` raises a signal of kind `combined`, once until it has fallen well below
    again. The signal is a warning and asks for no run by itself; it is not under the budget of false alarms."""

    @property
    def problem(self) -> str | None:
        """What cannot be meant, though it can be read: a calendar of days that there are not."""
        return never_fires(self.triggers.schedule.cron) if self.triggers.schedule is not None else None

    @field_validator("challenge")
    @classmethod
    def _is_a_challenge(cls, challenge: dict[str, Any] | None) -> dict[str, Any] | None:
        if challenge is not None:
            ChallengeRule.model_validate(challenge)
        return challenge


@cache
def preset(name: str) -> Policy:
    """The preset of that name; raises ValueError if there is none.

    >>> preset("metrics-forecast").safeguards.maximum_runs
    3
    """
    return Policy.model_validate({"name": name, **preset_data(name)})


def combined_weights(declared: str | Mapping[str, Any]) -> Mapping[str, float]:
    """The weights of the combined score under a declared policy: its own, else those of the forecaster's preset.

    >>> combined_weights("default")["prediction_error_rate"]
    0.4
    """
    return policy_in_force(declared).combined_weights or preset("metrics-forecast").combined_weights or {}


def policy_of(declared: str | Mapping[str, Any]) -> Policy:
    """The policy that a model's spec declares; raises ValueError if it makes no sense.

    >>> policy_of({"preset": "default", "safeguards": {"least_gap_seconds": 60}}).safeguards.least_gap_seconds
    60.0
    """
    if isinstance(declared, str):
        return preset(declared)
    differences = dict(declared)
    origin = differences.pop("preset", None)
    if origin is None:
        return Policy.model_validate(differences)
    whole = _merged(preset(str(origin)).model_dump(), differences)
    return Policy.model_validate({**whole, "name": differences.get("name", f"{origin} (changed)")})


def policy_in_force(declared: str | Mapping[str, Any]) -> Policy:
    """The same; one that makes no sense asks for nothing, and its name says why. For services, which must go on.

    >>> policy_in_force("defualt").name[:49], policy_in_force("default") == policy_of("default")
    ("unusable: there is no policy preset 'defualt'; th", True)
    """
    try:
        return policy_of(declared)
    except ValueError as error:
        return unusable_policy(error)


def unusable_policy(why: ValueError) -> Policy:
    """A policy that asks for nothing, by what is wrong with the declared one."""
    return Policy(name=f"unusable: {' '.join(str(why).split())[:200]}", triggers=Triggers(harmful_drift=False))


def _merged(whole: dict[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(whole)
    for key, value in differences.items():
        inner = merged.get(key)
        both = isinstance(inner, dict) and isinstance(value, Mapping)
        merged[key] = _merged(inner, value) if both and isinstance(inner, dict) else value
    return merged
