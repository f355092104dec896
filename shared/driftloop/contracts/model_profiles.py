"""`model-profiles`: reference distributions of the data that a version was trained on.

A profile is compact (about 1 KB a feature): it travels with the version, and windows are compared
with it. `driftloop.statistics.profiles` makes them.
"""

from pydantic import Field

from driftloop.contracts.message import ControlMessage, Message, Version


class NumericProfile(Message):
    """A numeric column: `quantiles` are equally spaced from minimum to maximum (both included)."""

    rows: int = Field(ge=0)
    missing: int = Field(ge=0)
    mean: float
    variance: float = Field(ge=0)
    quantiles: tuple[float, ...]
    outlier_share: float = Field(ge=0, le=1)
    """Share of the column's own rows beyond 3 standard deviations of its mean."""
    kurtosis: float = Field(default=3.0, ge=0)
    """Fourth central moment over the squared variance: how far a sample variance scatters."""
    lag_correlation: float = Field(default=0.0, ge=-1, le=1)
    """Correlation of a row's value with the next row's: neighbours that repeat count for less than one row."""
    inflation: tuple[tuple[int, float], ...] = ()
    """(rows, factor): how much more the mean of that many consecutive rows scatters than that of independent ones."""
    atoms: tuple[tuple[float, int], ...] = ()
    """(value, rows) of every distinct value, ascending, where there are few: a column of counts or flags."""
    beyond: int = Field(default=0, ge=0)
    """Values beyond float32's largest number; they are among the missing ones."""


class CategoricalProfile(Message):
    """A categorical column: rows by category, `other` those beyond the categories kept."""

    rows: int = Field(ge=0)
    missing: int = Field(ge=0)
    counts: dict[str, int]
    other: int = Field(default=0, ge=0)
    inflation: tuple[tuple[int, float], ...] = ()
    """As in `NumericProfile`, of the shares of the commonest categories."""


class SeasonProfile(Message):
    """What a numeric feature was at each hour of the week, and the column without it.

    `means` and `deviations` have 168 entries, from Monday 0:00 UTC by `predicted_at`. `values` are a row's value
    less its hour's mean, over its hour's standard deviation (`driftloop.statistics.seasons`).
    """

    means: tuple[float, ...] = Field(min_length=168, max_length=168)
    deviations: tuple[float, ...] = Field(min_length=168, max_length=168)
    values: NumericProfile


class JointProfile(Message):
    """How numeric features go together: directions of their scatter, and how far rows lie along them.

    `driftloop.statistics.joint` says what the two figures of a row are, and how they are made.
    """

    features: tuple[str, ...]
    leading: int = Field(ge=1)
    """Directions of the distance; the others are those of the residual."""
    weights: str
    """Base64 of little-endian 16-bit integers: 2^bits × the weight of each feature in each direction."""
    bits: tuple[int, ...]
    distance: NumericProfile
    residual: NumericProfile


class BlockProfile(Message):
    """Losses of forecasts in blocks that are longer than the horizon: neighbours share most of their truths."""

    rows: int = Field(ge=1)
    """Rows of a block: twice as many as are made within one horizon."""
    count: int = Field(ge=0)
    variance: float = Field(ge=0)
    """Of the blocks' means; of the rows, which is no less, where the blocks are too few to tell."""
    lag_correlation: float = Field(default=0.0, ge=-1, le=1)


class EmbeddingProfile(Message):
    """What a text or a vector was: figures of its rows, and how those of other rows are worked out.

    `driftloop.statistics.embeddings` says what the figures are.
    """

    width: int = Field(ge=1)
    """Numbers of a vector; of a text, of the one that it is hashed to."""
    centre: str = ""
    """Base64 of little-endian single-precision numbers; empty where the rows were too few for directions."""
    weights: str = ""
    """Base64 of little-endian 16-bit integers: 2^14 × each direction, which has length 1."""
    scales: str = ""
    """Base64 of little-endian single-precision numbers: the standard deviation of each number around the centre."""
    vocabulary: str | None = None
    """Of a text: base64 of the compressed bits of the words that were seen."""
    figures: dict[str, NumericProfile]


class LossProfile(Message):
    """Loss of the version on rows it did not learn from."""

    rows: int = Field(ge=0)
    mean: float
    variance: float = Field(ge=0)
    bound: float = Field(gt=0)
    """The loss is clipped here where a test needs bounded losses (1 for 0/1 losses)."""
    lag_correlation: float = Field(default=0.0, ge=-1, le=1)
    """Correlation of a row's loss with the next row's."""
    blocks: BlockProfile | None = Field(default=None, exclude_if=lambda blocks: blocks is None)
    """Of forecasts, what their losses are judged by."""


class ModelProfile(ControlMessage):
    """The references of one version."""

    version: Version
    spec_version: int = Field(ge=1)
    numeric: dict[str, NumericProfile] = Field(default_factory=dict)
    categorical: dict[str, CategoricalProfile] = Field(default_factory=dict)
    seasonal: dict[str, SeasonProfile] = Field(default_factory=dict)
    """The features whose spec declares a season: they are in `numeric` too, as they are."""
    predictions: dict[str, NumericProfile | CategoricalProfile] = Field(default_factory=dict)
    labels: dict[str, NumericProfile | CategoricalProfile] = Field(default_factory=dict)
    confidence: NumericProfile | None = None
    embeddings: dict[str, EmbeddingProfile] = Field(default_factory=dict)
    """The features of kind text or vector."""
    joint: JointProfile | None = None
    """None where fewer than two numeric features vary, or the rows are too few for them."""
    calibration: tuple[tuple[float, float, int], ...] = ()
    """(mean confidence, accuracy, rows) by confidence bin on the held-out rows."""
    loss: LossProfile
    loss_by_prediction: dict[str, LossProfile] = Field(default_factory=dict)
    """The same of the rows of each predicted class: labels may come for some predictions only. {} where predictions
    have no classes, or more than thirty."""
