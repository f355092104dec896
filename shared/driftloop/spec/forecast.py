"""What a forecast is: so many steps ahead of one series of many, with quantiles or without.

One forecast is one outcome: its values are a list, it has one id, and it has one loss. Why not a row a step: the
errors of one forecast's steps come from the same few minutes and hang together, so 96 of them are not 96 pieces
of evidence, and a detector or a proof that took them for that would cry wolf.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from driftloop.spec.part import SpecPart

if TYPE_CHECKING:
    from driftloop.spec.model_spec import ModelSpec

Quantile = Annotated[float, Field(gt=0, lt=1)]
Lag = Annotated[int, Field(ge=1)]


class ForecastRule(SpecPart):
    """The shape of a forecast.

    A prediction is a list of `horizon` values; with `quantiles`, of `horizon` times as many, all quantiles of the
    first step first. A label is a list of `horizon` values, null where the series has a gap. The loss of a forecast
    is the mean over the steps whose truth is known: of the pinball losses of its quantiles, or of absolute errors.
    """

    horizon: int = Field(ge=1, le=2000)
    """Steps that are forecast."""
    step_seconds: float = Field(gt=0)
    """Time from one step to the next; the first step is one such time after `predicted_at`."""
    entity: str | None = None
    """The feature (a category) that says whose series it is; none: there is one series."""
    quantiles: tuple[Quantile, ...] = ()
    """What is predicted of each step, ascending; none: one value a step, judged by its absolute error."""
    encoder_steps: int = Field(default=1, ge=1, le=5000)
    """Values of each feature of kind series with span `past`: the newest, up to `predicted_at`, oldest first."""
    lags: dict[str, Lag] = Field(default_factory=dict)
    """Feature of kind series with span `horizon` → so many steps before each step of the horizon the target had the
    value that it holds: `{cpu_a_day_ago: 2880}`. At least `horizon`, or the value is not known yet."""
    beat_lags: bool = False
    """A run fails if a lag alone has a lower mean absolute error on the held-out rows than the new version's medians.
    Without it the run only says so."""
    truth: Literal["labels", "observations"] = "labels"
    """How the truth comes: as labels by prediction id, or as values of the series by entity and time. With
    `observations`, forecasts are keyed by their entity (by the model's id where there is one series)."""

    @model_validator(mode="after")
    def _quantiles_ascend(self) -> Self:
        if any(one >= other for one, other in pairwise(self.quantiles)):
            raise ValueError("forecast.quantiles must ascend, each given once")
        early = [name for name, lag in self.lags.items() if lag < self.horizon]
        if early:
            raise ValueError(
                f"forecast.lags: {early[0]} is {self.lags[early[0]]} steps back, and the last of {self.horizon} steps "
                "would need a value that is not known yet: the lag must be at least the horizon"
            )
        return self

    @property
    def values_a_step(self) -> int:
        """How many values a prediction has for each step."""
        return max(1, len(self.quantiles))

    @property
    def middle(self) -> int:
        """The place of the median among the values of a step (of the quantile nearest to it)."""
        return min(range(len(self.quantiles)), key=lambda at: abs(self.quantiles[at] - 0.5), default=0)

    @property
    def horizon_ms(self) -> int:
        """How far a forecast reaches, in milliseconds."""
        return round(self.horizon * self.step_seconds * 1000)

    @property
    def step_us(self) -> int:
        """From one step to the next, in microseconds."""
        return max(1, round(self.step_seconds * 1e6))

    @property
    def is_observed(self) -> bool:
        """Whether the truth comes as observations of the series."""
        return self.truth == "observations"


def forecast_problem(spec: "ModelSpec") -> str | None:
    """Why the fields of a spec make no forecast; None where they do, or where nothing is a series."""
    series = [name for name, feature in spec.features.items() if feature.kind == "series"]
    is_series = any(field.kind == "series" for field in spec.target.values())
    rule = spec.forecast
    if rule is None:
        named = [*series, *(["the target"] if is_series else [])]
        return f"{named[0]} is of kind series: say in `forecast` how many steps that are" if named else None
    if spec.task != "forecast":
        return f"`forecast` belongs to task forecast, this is task {spec.task}"
    if not is_series:
        return "a spec with `forecast` needs a target of kind series"
    if not any(spec.features[name].span == "past" for name in series):
        return "a forecast needs the past: a feature of kind series with span past"
    if rule.entity is not None and (rule.entity not in spec.features or spec.features[rule.entity].kind != "category"):
        return f"forecast.entity is {rule.entity}, which is no feature of kind category"
    return _lag_problem(spec, rule, series) or _observed_problem(spec, rule)


def _lag_problem(spec: "ModelSpec", rule: ForecastRule, series: list[str]) -> str | None:
    wrong = [name for name in rule.lags if name not in series or spec.features[name].span != "horizon"]
    if wrong:
        return f"forecast.lags names {wrong[0]}, which is no feature of kind series with span horizon"
    if rule.beat_lags and not rule.lags:
        return "forecast.beat_lags compares with what forecast.lags names, and it names nothing"
    return None


def _observed_problem(spec: "ModelSpec", rule: ForecastRule) -> str | None:
    if rule.is_observed and spec.label_delay.give_up_seconds <= rule.horizon * rule.step_seconds:
        return (
            f"a forecast is known after {rule.horizon * rule.step_seconds:,.0f} s and given up after "
            f"{spec.label_delay.give_up_seconds:,.0f} s: give label_delay.give_up_seconds a value above the horizon"
        )
    return None


def key_feature(spec: "ModelSpec") -> str | None:
    """The feature whose value is the key of the model's records; None where that is the prediction's id.

    Empty where there is one series: the key is the model's id then.
    """
    rule = spec.forecast
    return None if rule is None or not rule.is_observed else (rule.entity or "")


def feature_steps(spec: "ModelSpec", name: str) -> int:
    """Values of a feature of kind series; 0 for any other."""
    feature, rule = spec.features[name], spec.forecast
    if feature.kind != "series" or rule is None:
        return 0
    return rule.horizon if feature.span == "horizon" else rule.encoder_steps


def label_steps(spec: "ModelSpec") -> int:
    """Values of a label that is a list; 0 where it is none."""
    return 0 if spec.forecast is None else spec.forecast.horizon


def prediction_steps(spec: "ModelSpec") -> int:
    """Values of a prediction that is a list; 0 where it is none."""
    return 0 if spec.forecast is None else spec.forecast.horizon * spec.forecast.values_a_step
