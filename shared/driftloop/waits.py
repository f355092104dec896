"""Every way in which a model or a service can wait, and what shows it.

Why a table: what waits without a word looks like what has nothing to do. Each wait names the metric,
the line of `driftloop status` and the alert that show it; a test holds the table to all three.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """One way to wait. `metric` is a Prometheus series, `status` the words shown, `alert` a rule's name."""

    name: str
    service: str
    waits_for: str
    metric: str
    status: str
    alert: str


INGESTION: tuple[Wait, ...] = (
    Wait(
        "row without a label",
        "outcome_ingestion",
        "its label, until the spec's give_up_seconds have passed",
        "driftloop_rows_waiting",
        "predictions that wait for their label",
        "DriftloopIgnoresMuch",
    ),
    Wait(
        "label without a row",
        "outcome_ingestion",
        "its prediction, until the spec's give_up_seconds have passed",
        "driftloop_labels_waiting",
        "labels that wait for their prediction",
        "DriftloopLabelsWait",
    ),
    Wait(
        "model with a spec that cannot be used",
        "outcome_ingestion",
        "a spec that does not contradict itself",
        "driftloop_refused_specs",
        "models whose newest spec cannot be used",
        "DriftloopSpecRefused",
    ),
    Wait(
        "model whose classes never meet",
        "outcome_ingestion",
        "predictions and labels of the same classes",
        "driftloop_classes_apart",
        "predictions and labels of",
        "DriftloopClassesApart",
    ),
)

ARCHIVE: tuple[Wait, ...] = ()

DETECTION: tuple[Wait, ...] = ()

COORDINATOR: tuple[Wait, ...] = ()

TRAINER: tuple[Wait, ...] = ()

SCORING: tuple[Wait, ...] = ()

RUNTIME: tuple[Wait, ...] = ()

WAITS = INGESTION + ARCHIVE + DETECTION + COORDINATOR + TRAINER + SCORING + RUNTIME
