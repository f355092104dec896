"""A declared source: which topic of somebody else's holds a model's predictions or labels, and how they are read."""

from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from driftloop.spec.model_spec import Name
from driftloop.spec.part import Free, SpecPart

Topic = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


def _compiles(path: str) -> str:
    try:
        jmespath.compile(path)
    except JMESPathError as error:
        raise ValueError(f"'{path}' is no JMESPath expression: {error}") from error
    return path


Path = Annotated[str, AfterValidator(_compiles)]
"""A JMESPath expression, evaluated on a record's document."""


class Paths(SpecPart):
    """Where a record holds each field of an outcome or label, as JMESPath expressions.

    `_kafka` is beside the document's own fields: `key`, `topic`, `partition`, `offset`, `headers` of the record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    rows: Path | None = None
    """A list with one entry a row. The other paths then see the entry as `row` beside the document's fields."""
    request: Path | None = None
    """The request of a model server, where a record holds request and response."""
    response: Path | None = None
    """The response of a model server, where a record holds request and response."""
    prediction_id: Path | None = None
    """The id of the prediction, or of the request if it has several rows."""
    model_version: Path | None = None
    """The version that predicted."""
    predicted_at: Path | None = None
    """When it predicted; none: the time of the Kafka record."""
    features: Path | dict[str, Path] | None = None
    """An object with all features (nested ones become `a.b`), or one path a feature."""
    prediction: Path | dict[str, Path] | None = None
    """The prediction, or one path a field of the target."""
    shadow: Path | dict[str, Path] | None = None
    """What versions in the shadow predicted: an object of version → prediction, or one path a version. In the answer
    to a request with several rows, each prediction is a list with one entry a row."""
    confidence: Path | None = None
    """How sure the model was, from 0 to 1."""
    label: Path | dict[str, Path] | None = None
    """The truth, or one path a field of the target."""
    labelled_at: Path | None = None
    """When the truth became known; none: the time of the Kafka record (of Debezium: `source.ts_ms`)."""
    segment: dict[str, Path] = Field(default_factory=dict)
    """One path a segment key."""
    attributes: dict[str, Path] = Field(default_factory=dict)
    """One path an attribute."""
    weight: Path | None = None
    """The weight of the row."""
    latency_ms: Path | None = None
    """How long the answer took."""
    rating: Path | None = None
    """How content a person was with the prediction, a number within `rating_range`; it may come without a label."""
    entity: Path | None = None
    """Of values of series: whose series it is. None where the model has one series."""
    observed_at: Path | None = None
    """Of values of series: when the series had the value that `label` gives."""


class ModelSource(SpecPart):
    """One source; `driftloop sources apply FILE.yaml` declares it, `outcome_ingestion --role translate` reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: Name
    """The name of the source; the consumer group is `outcome_translate-<name>`."""
    model_id: Name
    """The model that the rows are of."""
    topics: tuple[Topic, ...] = Field(min_length=1)
    """The topics that are read. If there are several, they have the same number of partitions."""
    where: Path | None = None
    """Which records are of this source, if the topic holds those of other models too: an expression that is true for
    them. All others are passed over and counted."""
    gives: Literal["outcomes", "labels"] = "outcomes"
    """What a record becomes: predictions, or labels and ratings of predictions, or values of series."""
    framing: Literal["auto", "none"] = "auto"
    """`auto`: a schema registry's framing is told by the first byte and the headers; `none`: the value has none."""
    registry_ids: Literal["schema", "content", "global"] = "schema"
    """What a four-byte id stands for: a schema id of Confluent's API, or Apicurio's own content or global id."""
    encoding: Literal["json", "avro", "protobuf"] = "json"
    """How a value without framing is written; with framing, the registry says."""
    envelope: Literal["none", "cloudevents", "connect", "debezium"] = "none"
    """What the payload is wrapped in."""
    server: Literal["none", "kserve", "open-inference", "seldon", "mlserver"] = "none"
    """The model server whose requests and responses these are; `none`: the paths say all."""
    avro_schema: Free[dict[str, Any] | None] = None
    """The writer's schema, if values are Avro without framing."""
    descriptor: str | None = None
    """A FileDescriptorSet in base64 (`protoc --include_imports --descriptor_set_out`), for Protobuf."""
    message: str | None = None
    """The full name of the Protobuf message."""
    feature_names: tuple[str, ...] = ()
    """Names of the features, if a server's requests list values without names."""
    classes: tuple[str, ...] = ()
    """Names of the classes, if a server answers with one probability per class."""
    output: str | None = None
    """The output tensor that is the prediction; none: the first one."""
    shadow_outputs: str | None = Field(default=None, min_length=1)
    """How the output tensors begin that hold predictions of versions in the shadow: with `shadow.`, the output
    `shadow.1.0.0` is what version 1.0.0 predicted."""
    paths: Paths = Paths()
    """Where each field is."""
    ids: Literal["given", "position"] = "given"
    """`given`: by `prediction_id` or the server's request id; `position`: topic, partition, offset and row."""
    versions: dict[str, str] = Field(default_factory=dict)
    """The source's names of versions, and ours."""
    version: str | None = None
    """The version of all rows, if the records do not say."""
    time_unit: Literal["s", "ms", "us", "ns"] = "ms"
    """What a time written as a number counts since 1970."""
    times_without_zone: Literal["refused", "utc"] = "refused"
    """What becomes of a time without a zone."""
    rating_range: tuple[float, float] = (0.0, 1.0)
    """The worst and the best rating, as the source counts: for one to five stars `[1, 5]`."""

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        if self.server == "none" and not self._is_mapped():
            raise ValueError(f"{self.gives} need paths: {', '.join(self._needed())}; or name the model server")
        if self.server != "none" and self.gives == "labels":
            raise ValueError("a model server gives outcomes, no labels")
        if self.paths.observed_at is not None and (self.paths.prediction_id is not None or self.ids == "position"):
            raise ValueError("a value of a series is of an entity and a time, and of no prediction: leave its id out")
        if (self.paths.request is None) != (self.paths.response is None):
            raise ValueError("paths.request and paths.response go together")
        if self.descriptor is not None and self.message is None and self.server == "none":
            raise ValueError("a descriptor needs `message`, the full name of the Protobuf message")
        if self.rating_range[0] == self.rating_range[1]:
            raise ValueError("rating_range is two different numbers: the worst and the best rating")
        return self

    def _needed(self) -> tuple[str, ...]:
        own = () if self.ids == "position" else ("prediction_id",)
        if self.gives == "outcomes":
            return (*own, "features", "prediction")
        if self.gives_values:
            return ("observed_at", "label")
        return (*own, "label" if self.paths.rating is None else "rating")

    def _is_mapped(self) -> bool:
        return all(getattr(self.paths, name) is not None for name in self._needed())

    @property
    def gives_values(self) -> bool:
        """Whether a record becomes a value of a series."""
        return self.gives == "labels" and self.paths.observed_at is not None

    @property
    def unread(self) -> tuple[str, ...]:
        """Keys that are declared and change nothing: what the source gives or its server is not read by them."""
        paths = [f"paths.{name}" for name in self._unread_paths() if getattr(self.paths, name)]
        keys = () if self.server != "none" else ("feature_names", "classes", "output", "shadow_outputs")
        own = [key for key in keys if getattr(self, key)]
        return (*paths, *own, *(("ids",) if self.in_halves and self.ids == "position" else ()))

    def _unread_paths(self) -> tuple[str, ...]:
        if self.server != "none":
            return ("rows", "features", "prediction", "label", "labelled_at")
        if self.gives == "labels":
            of_answers = (
                "features",
                "prediction",
                "shadow",
                "confidence",
                "predicted_at",
                "model_version",
                "latency_ms",
            )
            of_series = () if self.gives_values else ("entity",)
            return ("request", "response", *of_answers, "segment", "attributes", *of_series)
        return ("request", "response", "entity", "observed_at")

    @property
    def in_halves(self) -> bool:
        """Whether request and response are records of their own."""
        return self.server != "none" and self.paths.request is None
