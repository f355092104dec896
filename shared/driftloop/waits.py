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


INGESTION: tuple[Wait, ...] = ()

ARCHIVE: tuple[Wait, ...] = ()

DETECTION: tuple[Wait, ...] = (
    Wait(
        name="losses without a reference",
        service="drift_detection",
        waits_for="labels enough to compare the next ones with",
        metric="driftloop_detection_learning",
        status="losses are not judged yet",
        alert="DriftloopLossesNotJudged",
    ),
    Wait(
        name="a version without a profile",
        service="drift_detection",
        waits_for="a version that learnt the target of today's spec",
        metric="driftloop_version_without_profile",
        status="has no profile",
        alert="DriftloopVersionWithoutProfile",
    ),
    Wait(
        name="rows that nobody judges",
        service="drift_detection",
        waits_for="predictions and labels of the spec's target",
        metric="driftloop_unjudged_rows_total",
        status="labelled rows are not judged",
        alert="DriftloopRowsUnjudged",
    ),
    Wait(
        name="segments that nobody watches",
        service="drift_detection",
        waits_for="a place among the fifty segments with the most rows",
        metric="driftloop_unwatched_segments_ratio",
        status="of the rows are in segments that are not",
        alert="DriftloopSegmentsUnwatched",
    ),
)

COORDINATOR: tuple[Wait, ...] = ()

TRAINER: tuple[Wait, ...] = ()

SCORING: tuple[Wait, ...] = ()

RUNTIME: tuple[Wait, ...] = (
    Wait(
        "refused source",
        "every service",
        "a producer or a spec to be mended: all that it sends is buried, and the others go on",
        "driftloop_refused_sources",
        "Refused in the last day",
        "DriftloopSourceRefused",
    ),
    Wait(
        "wrong partition",
        "outcome_ingestion, retrain_coordinator, trainer_worker",
        "a producer to be given the right partitioner: its records are buried",
        "driftloop_dead_letters_total",
        "WrongPartition",
        "DriftloopWrongPartition",
    ),
    Wait(
        "state that does not belong to the log",
        "every service",
        "a person to run `driftloop recover`: the service has stopped with exit code 8",
        "up",
        "not running",
        "DriftloopProcessDown",
    ),
)

WAITS = INGESTION + ARCHIVE + DETECTION + COORDINATOR + TRAINER + SCORING + RUNTIME
