"""The spec of a model: what it predicts, how it is watched, and what may be done about it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")]
Task = Literal["binary", "multiclass", "regression", "forecast", "multi-field"]
MONITORS = ("shape", "share", "location", "spread", "missing", "outliers")
"""The tests that watch a model's columns unless its spec says otherwise."""


class SpecPart(BaseModel):
    """A frozen part of a spec. Unknown keys are refused: a typing error must not pass silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Feature(SpecPart):
    """An input column. `expression` derives it from other features (`spray_rate * speed / 1000`)."""

    kind: Literal["number", "category"] = "number"
    expression: str | None = None
    monitored: bool = True
    season: Literal["hour-of-week"] | None = None
    """Where given, windows of a number are compared with what it was at those hours of the week (UTC), and not
    with all of its hours together: for inputs that nights and week-ends change."""

    @model_validator(mode="after")
    def _only_numbers_have_seasons(self) -> Self:
        if self.season is not None and self.kind != "number":
            raise ValueError("only a feature of kind number has a season")
        return self


class TargetField(SpecPart):
    """One predicted value.

    `kind` number: the loss is |prediction − label| / `scale`; with `tolerance`, it is 1 where that
    difference is over the tolerance and else 0. Else with `quantile`, the prediction is of that quantile and
    the loss is the pinball loss / `scale`. `kind` category: 1 where they differ, else 0.
    """

    kind: Literal["number", "category"] = "category"
    tolerance: float | None = Field(default=None, ge=0)
    quantile: float | None = Field(default=None, gt=0, lt=1)
    scale: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _one_rule_for_the_loss(self) -> Self:
        if self.kind == "category" and (self.tolerance is not None or self.quantile is not None):
            raise ValueError("a target of kind category is right or wrong: leave tolerance and quantile out")
        if self.tolerance is not None and self.quantile is not None:
            raise ValueError("tolerance and quantile are two rules for one loss: give one of them")
        return self


class LabelDelay(SpecPart):
    """How late labels come: what is usual, and when a prediction is given up on."""

    expected_seconds: float = Field(default=0.0, ge=0)
    give_up_seconds: float = Field(default=7 * 86_400.0, gt=0)

    @model_validator(mode="after")
    def _labels_come_before_they_are_given_up(self) -> Self:
        if self.expected_seconds > self.give_up_seconds:
            raise ValueError(
                f"labels are expected after {self.expected_seconds:,.0f} s and given up after "
                f"{self.give_up_seconds:,.0f} s: give give_up_seconds a value above expected_seconds"
            )
        return self


class Detection(SpecPart):
    """How a model is watched: a preset, and what differs from it."""

    preset: str = "default"
    error_detector: str | None = None
    error_parameters: dict[str, float] = Field(default_factory=dict)
    monitors: tuple[Name, ...] = Field(default=MONITORS, min_length=1)
    """Tests of a window's columns (entry points of group `driftloop.monitors`); the budget is split over them."""
    windows: Literal["sliding", "tumbling"] = "sliding"
    """Sliding windows move on by a quarter; tumbling ones follow one another, no row in two of a length."""
    window_rows: int = Field(default=1000, ge=50)
    window_seconds: float | None = Field(default=None, gt=0)
    """Where given, windows close by the rows' own time (`predicted_at`; of labels `labelled_at`) instead of by their
    count."""
    minimum_rows: int = Field(default=500, ge=50)
    """Rows that a window must have to be judged."""
    false_alarms_per_month: float = Field(default=1.0, gt=0)
    """The budget of the model, its segments, columns and tests together; with `fleet_models`, of a whole fleet."""
    fleet_models: int = Field(default=1, ge=1)
    """Models that share the budget, in equal parts."""
    rows_per_month: float | None = Field(default=None, gt=0)
    """Rows that count as a month. None: those that come, by event time; a million at least, and until a day has
    passed."""
    loss_block_rows: int = Field(default=25, ge=1)
    tolerance: float = Field(default=0.0, ge=0)
    """The rise of the mean loss that the owner does not mind."""


class LearnerChoice(SpecPart):
    """Which learner trains the model (an entry point of group `driftloop.learners`)."""

    name: Name = "random-forest"
    parameters: dict[str, Any] = Field(default_factory=dict)


class TrainingRule(SpecPart):
    """Which rows a training run gets."""

    maximum_rows: int = Field(default=20_000, ge=10)
    minimum_rows: int = Field(default=100, ge=10)
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    refit: bool = True
    """After validation, fit once more on training and held-out rows together."""
    golden_set: str | None = None
    """A CSV or Parquet file (any fsspec address) of rows on which no version may be worse than the champion."""
    golden_tolerance: float = Field(default=0.0, ge=0)
    """The rise of the mean loss on the golden set that is allowed all the same."""
    time_limit_seconds: float = Field(default=8 * 3600.0, gt=0)
    memory_limit_mb: int = Field(default=8192, ge=128)

    @model_validator(mode="after")
    def _the_least_is_no_more_than_the_most(self) -> Self:
        if self.minimum_rows > self.maximum_rows:
            raise ValueError(
                f"a run needs {self.minimum_rows:,} rows and gets {self.maximum_rows:,} at most: none would ever start"
            )
        return self


class ChallengeRule(SpecPart):
    """How a new version is proven, and how long it is watched after.

    `minimum_effect` is the least gain that a promotion needs, in shares of the loss bound (points of
    accuracy, where a loss is 0 or 1). `risk` bounds the chance of promoting a version that has not
    got it. `maximum_rows` ends a proof that comes to nothing; `look_rows` is where mode z-test looks
    once (on the same rows) and mode canary too (on so many rows that each version served in production,
    the challenger `traffic_share` of all: see `ChampionWatcher.route`); for `probation_rows` after a
    promotion the predecessor is scored on, ready to come back.
    """

    mode: Literal["e-process", "z-test", "canary", "none"] = "e-process"
    minimum_effect: float = Field(default=0.0, ge=0)
    risk: float = Field(default=0.05, gt=0, lt=1)
    maximum_rows: int = Field(default=20_000, ge=1)
    look_rows: int = Field(default=1000, ge=30)
    traffic_share: float = Field(default=0.1, gt=0, lt=1)
    non_inferiority: float | None = Field(default=None, ge=0)
    """Where given, a promotion needs no gain, only the proof that the loss is not worse by as much as this."""
    segment_tolerance: float | None = Field(default=0.02, ge=0)
    """A challenger proven worse by more than this on a segment is rejected whatever it gains elsewhere; None: not
    looked at."""
    challengers: int = Field(default=1, ge=1, le=8)
    """How many may be under proof at once; they share the risk."""
    probation_rows: int = Field(default=5000, ge=0)


class Automation(SpecPart):
    """What may happen without a person."""

    retrain: bool = True
    promote: bool = True
    roll_back: bool = True


class Permissions(SpecPart):
    """Who may ask for what on `model-commands`; nothing listed: everybody who can write there.

    A command says by whom it is (`requested_by`), and that is a claim: Kafka tells a reader nothing of a
    record's writer. So the broker's access lists decide who writes commands at all (`deploy/acls.yaml`),
    and these lists which of those names is obeyed. `promote` covers all that lets a version serve
    (promote, approve, register).
    """

    promote: tuple[str, ...] | None = None
    roll_back: tuple[str, ...] | None = None


_NUMBER = {"required": ["kind"], "properties": {"kind": {"const": "number"}}}
_TASK_RULES: list[Any] = [
    {
        "if": {"properties": {"task": {"not": {"const": "multi-field"}}}},
        "then": {"properties": {"target": {"maxProperties": 1}}},
    },
    {
        "if": {"properties": {"task": {"enum": ["regression", "forecast"]}}},
        "then": {"properties": {"target": {"additionalProperties": _NUMBER}}},
    },
]
"""What `ModelSpec` checks beyond its fields, said in JSON Schema."""


class ModelSpec(SpecPart):
    """All that is declared about a model; `driftloop models apply FILE.yaml` publishes it."""

    model_config = ConfigDict(json_schema_extra={"allOf": _TASK_RULES})

    model_id: Name
    task: Task
    features: dict[str, Feature] = Field(min_length=1)
    target: dict[str, TargetField] = Field(min_length=1)
    segments: tuple[str, ...] = ()
    clock: Literal["wall", "event"] = "wall"
    label_delay: LabelDelay = LabelDelay()
    detection: Detection = Detection()
    policy: str | dict[str, Any] = "default"
    learner: LearnerChoice = LearnerChoice()
    training: TrainingRule = TrainingRule()
    challenge: ChallengeRule = ChallengeRule()
    automation: Automation = Automation()
    permissions: Permissions = Permissions()

    @model_validator(mode="after")
    def _fields_fit_the_task(self) -> Self:
        if self.task != "multi-field" and len(self.target) != 1:
            raise ValueError(f"task {self.task} has one target field, the spec names {len(self.target)}")
        if len(set(self.segments)) < len(self.segments):
            raise ValueError("a segment is named twice")
        if not self.raw_features:
            raise ValueError("every feature has an expression: at least one must be sent by producers")
        if self.task in ("regression", "forecast") and any(f.kind != "number" for f in self.target.values()):
            raise ValueError(f"task {self.task} needs a target of kind number")
        return self

    @property
    def raw_features(self) -> tuple[str, ...]:
        """Features that producers send, in order."""
        return tuple(name for name, feature in self.features.items() if feature.expression is None)
