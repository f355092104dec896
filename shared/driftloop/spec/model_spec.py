"""The spec of a model: what it predicts, how it is watched, and what may be done about it."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from driftloop.spec.challenge import ChallengeRule, is_published
from driftloop.spec.forecast import ForecastRule, Quantile, forecast_problem
from driftloop.spec.part import Free, SpecPart
from driftloop.spec.preset_files import challenge_defaults
from driftloop.spec.recency import RecencyRule
from driftloop.spec.variants import VariantRule

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$")]
LabelSource = Literal["user", "system", "pseudo"]
"""Who gave a label: a person, a system of record, or a model that was sure."""
FeatureKind = Literal["number", "category", "text", "vector", "series"]
Task = Literal["binary", "multiclass", "regression", "forecast", "multi-field"]
MONITORS = ("shape", "share", "location", "spread", "missing", "outliers")
"""The tests that watch a model's columns unless its spec says otherwise."""


class Feature(SpecPart):
    """An input column. `expression` derives it from other features (`spray_rate * speed / 1000`)."""

    kind: FeatureKind = "number"
    """A number, a category (a word, or a boolean), a text in any language, a vector: a list of numbers of a fixed
    length, as an embedding is, or a series: a list of numbers in time order, null where it has a gap."""
    width: int | None = Field(default=None, ge=2, le=4096)
    """Of a vector, how many numbers it has."""
    span: Literal["past", "horizon"] = Field(default="past", exclude_if=lambda span: span == "past")
    """Of a series: its past up to the forecast, or what is known beforehand of each step that is forecast."""
    expression: str | None = None
    """Derived from other features at ingestion: `spray_rate * speed / 1000`."""
    monitored: bool = True
    """Whether detection watches its distribution."""
    season: Literal["hour-of-week"] | None = None
    """Where given, windows of a number are compared with what it was at those hours of the week (UTC), and not
    with all of its hours together: for inputs that nights and week-ends change."""

    @model_validator(mode="after")
    def _only_numbers_have_seasons(self) -> Self:
        if self.season is not None and self.kind != "number":
            raise ValueError("only a feature of kind number has a season")
        return self

    @model_validator(mode="after")
    def _vectors_have_a_width(self) -> Self:
        if (self.kind == "vector") != (self.width is not None):
            raise ValueError("width says how many numbers a feature of kind vector has, and no other has it")
        if self.kind in ("text", "vector") and self.expression is not None:
            raise ValueError("only a number is derived by an expression, not a text or a vector")
        return self


class TargetField(SpecPart):
    """One predicted value.

    `kind` number: the loss is |prediction − label| / `scale`; with `tolerance`, it is 1 where that
    difference is over the tolerance and else 0. Else with `quantile`, the prediction is of that quantile and
    the loss is the pinball loss / `scale`. `kind` category: 1 where they differ, else 0. `kind` series: the mean
    of those losses over the steps and `quantiles` of a forecast, / `scale`.
    """

    kind: Literal["number", "category", "series"] = "category"
    """A number, a class, or a series: a list of numbers (task forecast)."""
    tolerance: float | None = Field(default=None, ge=0)
    """A number within this of the label is right (loss 0), any other is wrong (loss 1)."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """The prediction is of this quantile; the loss is the pinball loss."""
    quantiles: tuple[Quantile, ...] = Field(default=(), exclude_if=lambda quantiles: not quantiles)
    """Of a series: those of `forecast`, taken over when the spec is read."""
    scale: float = Field(default=1.0, gt=0)
    """The unit of the loss: an error of `scale` loses 1."""

    @model_validator(mode="after")
    def _one_rule_for_the_loss(self) -> Self:
        if self.kind == "category" and (self.tolerance is not None or self.quantile is not None):
            raise ValueError("a target of kind category is right or wrong: leave tolerance and quantile out")
        if self.kind == "series" and (self.tolerance is not None or self.quantile is not None):
            raise ValueError("a series is judged by forecast.quantiles: leave tolerance and quantile out")
        if self.tolerance is not None and self.quantile is not None:
            raise ValueError("tolerance and quantile are two rules for one loss: give one of them")
        return self


class LabelDelay(SpecPart):
    """How late labels come: what is usual, and when a prediction is given up on."""

    expected_seconds: float = Field(default=0.0, ge=0)
    """Usual time from a prediction to its label."""
    give_up_seconds: float = Field(default=7 * 86_400.0, gt=0)
    """A prediction without a label is given up on after this time."""

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
    """The detection preset that the other fields change."""
    error_detector: str | None = None
    """The detector of the loss (an entry point of group `driftloop.detectors`); none: the preset's."""
    error_parameters: dict[str, float] = Field(default_factory=dict)
    """Parameters of that detector."""
    monitors: tuple[Name, ...] = Field(default=MONITORS, min_length=1)
    """Tests of a window's columns (entry points of group `driftloop.monitors`); the budget is split over them."""
    windows: Literal["sliding", "tumbling"] = "sliding"
    """Sliding windows move on by a quarter; tumbling ones follow one another, no row in two of a length."""
    window_rows: int = Field(default=1000, ge=50)
    """Rows of a window."""
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
    """Losses are judged in blocks of this many rows."""
    tolerance: float = Field(default=0.0, ge=0)
    """The rise of the mean loss that the owner does not mind."""


class LearnerChoice(SpecPart):
    """Which learner trains the model (an entry point of group `driftloop.learners`)."""

    name: Name = "random-forest"
    """The entry point's name."""
    parameters: Free[dict[str, Any]] = Field(default_factory=dict)
    """Passed to the learner; it refuses unknown ones."""


BY_PROGRAM = frozenset({"command", "ray", "kubernetes-job"})
"""Executors that run one of the trainer's commands."""


class ClusterJob(SpecPart):
    """What the job of a run needs on a cluster. Memory and time are `memory_limit_mb` and `time_limit_seconds`."""

    cpus: float = Field(default=1.0, gt=0)
    """Processor cores."""
    gpus: int = Field(default=0, ge=0)
    """Accelerators."""
    image: str | None = Field(default=None, min_length=1, max_length=300)
    """Kubernetes: the container's image. The trainer's settings say which may be named."""
    gpu_resource: str = "nvidia.com/gpu"
    """Kubernetes: the resource that counts accelerators."""
    node_selector: dict[str, str] = Field(default_factory=dict)
    """Kubernetes: labels of the machines that may run it."""
    tolerates: tuple[str, ...] = ()
    """Kubernetes: taints that it tolerates, by key (machines with accelerators are often tainted)."""


class TrainingRule(SpecPart):
    """Which rows a training run gets."""

    maximum_rows: int = Field(default=20_000, ge=10)
    """Most rows of a run, the newest ones."""
    minimum_rows: int = Field(default=100, ge=10)
    """A run with fewer rows fails."""
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    """The newest rows are held out for validation in this share."""
    refit: bool = True
    """After validation, fit once more on training and held-out rows together."""
    label_weights: dict[LabelSource, Annotated[float, Field(ge=0)]] = Field(
        default={"user": 1.0, "system": 1.0, "pseudo": 0.5}
    )
    """What a label counts for, by who gave it (1 where a source is not named); a row's own weight multiplies it."""
    recency: RecencyRule | None = Field(default=None, exclude_if=lambda rule: rule is None)
    """Where given, the older a row is, the less it counts. None: all rows count alike."""
    pseudo_confidence: float = Field(default=0.9, ge=0, le=1)
    """Pseudo-labels of models that were less sure than this are not learnt from."""
    pseudo_share: float = Field(default=0.3, ge=0, lt=1)
    """Most of the rows of a run that may be pseudo-labelled, as a share; the newest are kept."""
    golden_set: str | None = None
    """A CSV or Parquet file (any fsspec address) of rows on which no version may be worse than the champion."""
    golden_tolerance: float = Field(default=0.0, ge=0)
    """The rise of the mean loss on the golden set that is allowed all the same."""
    time_limit_seconds: float = Field(default=8 * 3600.0, gt=0)
    """A run that takes longer is ended and fails."""
    memory_limit_mb: int = Field(default=8192, ge=128)
    """Memory of the training process; of a command, resident memory of all its processes together."""
    executor: Literal["child", "command", "ray", "kubernetes-job", "external"] = "child"
    """Who trains: `child`: the learner, in a process of the trainer; `command`: a program that the trainer's
    settings name; `ray`, `kubernetes-job`: that program as a job on a cluster; `external`: a system that reads
    `training-requests` and answers on `training-answers`."""
    entry: Name | None = None
    """With executor command, ray or kubernetes-job: which of the trainer's commands. With executor external: to which
    of the trainer's webhooks requests are posted; none: the system reads the topic. The settings say what they are."""
    cluster: ClusterJob = ClusterJob()
    """With executor ray or kubernetes-job: what the job needs."""

    @model_validator(mode="after")
    def _commands_are_named(self) -> Self:
        if self.executor != "external" and (self.executor in BY_PROGRAM) != (self.entry is not None):
            raise ValueError(
                "training.entry names the command of executor command, ray or kubernetes-job, or the webhook of "
                "executor external, and of no other"
            )
        if (self.executor == "kubernetes-job") != (self.cluster.image is not None):
            raise ValueError("training.cluster.image names the image of executor kubernetes-job, and of no other")
        return self

    @model_validator(mode="after")
    def _who_trains_weighs(self) -> Self:
        if self.recency is not None and self.executor == "external":
            raise ValueError(
                "training.recency weighs the rows of runs that driftloop trains, and with executor external another "
                "system reads them and weighs them itself: leave recency out"
            )
        return self

    @model_validator(mode="after")
    def _the_least_is_no_more_than_the_most(self) -> Self:
        if self.minimum_rows > self.maximum_rows:
            raise ValueError(
                f"a run needs {self.minimum_rows:,} rows and gets {self.maximum_rows:,} at most: none would ever start"
            )
        return self


class Automation(SpecPart):
    """What may happen without a person."""

    retrain: bool = True
    """Runs may start."""
    promote: bool = True
    """A proven challenger may serve."""
    roll_back: bool = True
    """A champion that fails its probation may be replaced by its predecessor."""


class Permissions(SpecPart):
    """Who may ask for what on `model-commands`; nothing listed: everybody who can write there.

    A command says by whom it is (`requested_by`), and that is a claim: Kafka tells a reader nothing of a
    record's writer. So the broker's access lists decide who writes commands at all (`deploy/acls.yaml`),
    and these lists which of those names is obeyed. `promote` covers all that lets a version serve
    (promote, approve, register).
    """

    promote: tuple[str, ...] | None = None
    """Names that may let a version serve; none: anybody."""
    roll_back: tuple[str, ...] | None = None
    """Names that may roll back; none: anybody."""
    signed_by: tuple[str, ...] | None = None
    """Public keys of consoles (`driftloop tokens signing-key` shows one): a command that none of them has signed is
    refused, and a name is then a proof; none: signatures are not asked for."""


_NUMBER = {"required": ["kind"], "properties": {"kind": {"const": "number"}}}
_NUMERIC = {"required": ["kind"], "properties": {"kind": {"enum": ["number", "series"]}}}
_TASK_RULES: list[Any] = [
    {
        "if": {"properties": {"task": {"not": {"const": "multi-field"}}}},
        "then": {"properties": {"target": {"maxProperties": 1}}},
    },
    {
        "if": {"properties": {"task": {"const": "regression"}}},
        "then": {"properties": {"target": {"additionalProperties": _NUMBER}}},
    },
    {
        "if": {"properties": {"task": {"const": "forecast"}}},
        "then": {"properties": {"target": {"additionalProperties": _NUMERIC}}},
    },
]
"""What `ModelSpec` checks beyond its fields, said in JSON Schema."""


class ModelSpec(SpecPart):
    """All that is declared about a model; `driftloop models apply FILE.yaml` publishes it."""

    model_config = ConfigDict(json_schema_extra={"allOf": _TASK_RULES})

    model_id: Name
    """The name of the model in all messages."""
    task: Task
    """What is predicted; it decides how loss and figures are computed."""
    features: dict[str, Feature] = Field(min_length=1)
    target: dict[str, TargetField] = Field(min_length=1)
    forecast: ForecastRule | None = Field(default=None, exclude_if=lambda rule: rule is None)
    """Of task forecast, where a prediction is a list: how many steps of what. None: one number is forecast."""
    sources: tuple[Name, ...] = ()
    """Declared sources (`driftloop sources apply`) that the model's predictions and labels come from, if others write
    them; `driftloop sources list` says which of them are missing."""
    segments: tuple[str, ...] = ()
    """Names of segment keys of an outcome: each of their values is watched by itself."""
    clock: Literal["wall", "event"] = "wall"
    """Whether time passes by the wall or by the newest event of the model (for recorded streams)."""
    label_delay: LabelDelay = LabelDelay()
    """How late labels come."""
    detection: Detection = Detection()
    """How the model is watched."""
    policy: Free[str | dict[str, Any]] = "default"
    """A preset's name, or a preset with differences."""
    learner: LearnerChoice = LearnerChoice()
    """What trains the model."""
    training: TrainingRule = TrainingRule()
    """Which rows a run gets, and its limits."""
    challenge: ChallengeRule = ChallengeRule()
    """How a new version is proven; what is not said here is as the policy's preset has it."""
    variants: VariantRule | None = Field(default=None, exclude_if=lambda rule: rule is None)
    """Where given, several versions answer, in each channel the one that does best there. None: the champion does."""
    automation: Automation = Automation()
    """What may happen without a person."""
    permissions: Permissions = Permissions()
    """Who may ask for what."""
    serving: Literal["driftloop", "external"] = "driftloop"
    """Who decides what serves. `driftloop`: its events do, and servers follow them. `external`: somebody else's
    server. The champion is then the version that outcomes name; a promotion is asked for, and is true when outcomes
    of that version come."""
    baseline_rows: int = Field(default=1000, ge=100)
    """With external serving: the first so many rows of a version without a profile are its reference."""

    @model_validator(mode="before")
    @classmethod
    def _takes_the_proof_of_its_policy(cls, data: Any) -> Any:
        """Done when a spec is read, and published with it: an edited preset changes no spec that was applied."""
        if not isinstance(data, dict):
            return data
        told, defaults = data.get("challenge", {}), challenge_defaults(data.get("policy"))
        if not defaults:
            return data
        if isinstance(told, ChallengeRule):
            told = {name: getattr(told, name) for name in told.model_fields_set}
        if not isinstance(told, dict) or is_published(told):
            return data
        return {**data, "challenge": {**defaults, **told}}

    @model_validator(mode="after")
    def _fields_fit_the_task(self) -> Self:
        if self.task != "multi-field" and len(self.target) != 1:
            raise ValueError(f"task {self.task} has one target field, the spec names {len(self.target)}")
        if len(set(self.segments)) < len(self.segments):
            raise ValueError("a segment is named twice")
        if self.variants is not None and self.variants.channel not in self.segments:
            raise ValueError(
                f"variants.channel is {self.variants.channel!r}, which is no segment of the spec: add it to segments"
            )
        kinds = {"regression": {"number"}, "forecast": {"number", "series"}}.get(self.task)
        if kinds is not None and any(f.kind not in kinds for f in self.target.values()):
            raise ValueError(f"task {self.task} needs a target of kind {' or '.join(sorted(kinds))}")
        return self

    @model_validator(mode="after")
    def _series_fit_the_forecast(self) -> Self:
        problem = forecast_problem(self)
        if problem is not None:
            raise ValueError(problem)
        told = () if self.forecast is None else self.forecast.quantiles
        if any(field.quantiles != told for field in self.target.values()):
            target = {name: f.model_copy(update={"quantiles": told}) for name, f in self.target.items()}
            object.__setattr__(self, "target", target)
        return self

    @property
    def raw_features(self) -> tuple[str, ...]:
        """Features that producers send, in order."""
        return tuple(name for name, feature in self.features.items() if feature.expression is None)
