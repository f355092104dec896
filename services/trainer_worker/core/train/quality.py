"""What the rows of a run are like: a report that goes with the version, and what must not be learnt from.

A finding is a remark for a person, and goes with the run's result. Three things are acted on: rows whose numeric
label lies absurdly far from all others are left out, and a run is refused where nothing can be learnt (every feature is
missing) or where one label floods the newest rows (`refuse`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from driftloop.learners.protocol import Column, Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.numbers import LARGEST, beyond
from trainer_worker.core.train.absurd_labels import absurd

FLOOD_ROWS = 200
"""A flood is looked for in the newest so many rows."""
FLOOD_SHARE = 0.9
"""One and the same row, features and label, filling more than this share of them is a flood."""
REMARKS = 20
"""Findings that a run's result tells; the artifact has them all."""
LEAVES_OUT = ("absurd labels", "beyond")
_MOSTLY = 0.5
_OUTLIERS = 0.05
_SPREADS = 5.0


class Finding(BaseModel):
    """A remark about a column or about the rows."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["missing", "constant", "outliers", "absurd labels", "beyond", "duplicates", "flood", "one class"]
    subject: str
    detail: str
    refuse: bool = False


class QualityReport(BaseModel):
    """The report of one run's rows; `quality.json` of the artifact."""

    model_config = ConfigDict(frozen=True)

    rows: int
    left_out: int
    missing: dict[str, float] = Field(default_factory=dict)
    """Share of missing values by feature."""
    labels: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Rows by class, for each category field."""
    findings: tuple[Finding, ...] = ()

    def refusal(self) -> str | None:
        """The first reason not to train on these rows."""
        return next((f"{f.subject}: {f.detail}" for f in self.findings if f.refuse), None)

    def remarks(self) -> tuple[str, ...]:
        """The findings as sentences; what was left out comes first."""
        ranked = sorted(self.findings, key=lambda finding: finding.kind not in LEAVES_OUT)
        return tuple(f"{finding.subject}: {finding.detail}" for finding in ranked[:REMARKS])


def absurd_labels(spec: ModelSpec, labels: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Rows with a numeric label that cannot be meant.

    >>> from driftloop.spec.model_spec import Feature, TargetField
    >>> target = {"y": TargetField(kind="number")}
    >>> spec = ModelSpec(model_id="m", task="regression", features={"x": Feature()}, target=target)
    >>> absurd_labels(spec, {"y": np.array([1.0, 2.0, 3.0, 4.0, 1e9])}).tolist()
    [False, False, False, False, True]
    """
    wrong = np.zeros(len(next(iter(labels.values()))), dtype=np.bool_)
    for name, field in spec.target.items():
        if field.kind == "number":
            wrong |= absurd(np.asarray(labels[name], dtype=np.float64))
    return wrong


def absurd_findings(spec: ModelSpec, labels: Mapping[str, Column], wrong: NDArray[np.bool_]) -> list[Finding]:
    """What is left out with the rows that `absurd_labels` has named, field by field."""
    found = []
    for name, field in spec.target.items():
        if field.kind == "number" and wrong.any():
            values = np.asarray(labels[name], dtype=np.float64)
            out, total = np.abs(values[wrong]), float(np.abs(values).sum())
            share = float(out.sum()) / total if total else 0.0
            detail = (
                f"{int(wrong.sum())} of {len(values)} rows were left out, their labels lie absurdly far from the "
                f"others: {values[wrong].min():g} to {values[wrong].max():g}, {share:.1%} of the total of all labels"
            )
            found.append(Finding(kind="absurd labels", subject=name, detail=detail))
    return found


def beyond_findings(columns: Mapping[str, Column], what: str) -> list[Finding]:
    """Columns with finite numbers that count as missing because they are beyond float32's largest."""
    found = []
    for name, column in columns.items():
        far = beyond(column) if column.dtype != object else np.zeros(0, dtype=np.bool_)
        if far.any():
            detail = (
                f"{int(far.sum())} of {len(far)} {what} are beyond {LARGEST:.3g} (the first is {column[far][0]:g}) and "
                "count as missing: the producer should send null"
            )
            found.append(Finding(kind="beyond", subject=name, detail=detail))
    return found


def inspect(spec: ModelSpec, rows: Rows, left_out: int = 0, findings: Sequence[Finding] = ()) -> QualityReport:
    """The report of labelled rows in stream order; `findings` are those about rows that were left out."""
    missing = {name: float(_missing(rows.features[name]).mean()) for name in spec.features}
    classes = {
        name: dict(sorted(Counter(map(str, rows.labels[name])).items()))
        for name, field in spec.target.items()
        if field.kind == "category"
    }
    remarks = [*findings, *beyond_findings(rows.features, "values"), *_missing_findings(missing)]
    remarks += [*_number_findings(spec, rows), *_repetition_findings(rows)]
    remarks += [
        Finding(kind="one class", subject=name, detail=f"every row is {next(iter(counts))!r}")
        for name, counts in classes.items()
        if len(counts) == 1
    ]
    rounded = {name: round(share, 6) for name, share in missing.items()}
    return QualityReport(rows=len(rows), left_out=left_out, missing=rounded, labels=classes, findings=tuple(remarks))


def _missing_findings(missing: Mapping[str, float]) -> list[Finding]:
    if all(share == 1.0 for share in missing.values()):
        return [
            Finding(kind="missing", subject="features", detail="every value of every feature is missing", refuse=True)
        ]
    return [
        Finding(kind="missing", subject=name, detail=f"{share:.0%} of the values are missing")
        for name, share in missing.items()
        if share > _MOSTLY
    ]


def _number_findings(spec: ModelSpec, rows: Rows) -> list[Finding]:
    found = []
    for name, feature in spec.features.items():
        values = rows.features[name]
        known = values[~_missing(values)]
        if feature.kind != "number" or len(known) < 2:
            continue
        low, middle, high = np.quantile(known.astype(np.float64), [0.25, 0.5, 0.75])
        if known.min() == known.max():
            found.append(Finding(kind="constant", subject=name, detail=f"every value is {known[0]:g}"))
        elif high > low:
            share = float(np.mean(np.abs(known - middle) > _SPREADS * (high - low)))
            if share > _OUTLIERS:
                detail = f"{share:.1%} of the values lie more than {_SPREADS:g} spreads from the median"
                found.append(Finding(kind="outliers", subject=name, detail=detail))
    return found


def _repetition_findings(rows: Rows) -> list[Finding]:
    """Rows that are the same in every feature and label: how many, and whether one fills the newest rows."""
    table = np.column_stack([_comparable(column) for column in (*rows.features.values(), *rows.labels.values())])
    every = [row.tobytes() for row in np.ascontiguousarray(table)]
    found = []
    repeated = len(every) - len(set(every))
    if repeated > _MOSTLY * len(every):
        detail = f"{repeated} of {len(every)} rows repeat another one exactly"
        found.append(Finding(kind="duplicates", subject="rows", detail=detail))
    newest = every[-FLOOD_ROWS:]
    if len(newest) == FLOOD_ROWS:
        count = Counter(newest).most_common(1)[0][1]
        if count > FLOOD_SHARE * FLOOD_ROWS and count > 2 * Counter(every[:-FLOOD_ROWS]).get(newest[-1], 0):
            detail = f"one and the same row fills {count} of the newest {FLOOD_ROWS}: the labels are flooded"
            found.append(Finding(kind="flood", subject="rows", detail=detail, refuse=True))
    return found


def _comparable(column: Column) -> NDArray[np.int64]:
    """Numbers that are equal where the values are: missing ones too."""
    if column.dtype == object:
        places = {value: place for place, value in enumerate(dict.fromkeys(column))}
        return np.array([places[value] for value in column], dtype=np.int64)
    return np.where(np.isnan(column), np.nan, column + 0.0).view(np.int64)


def _missing(column: Column) -> NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([value is None for value in column], dtype=np.bool_)
    return np.asarray(np.isnan(column) | beyond(column))
