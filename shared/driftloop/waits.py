"""Every way in which a model or a service can wait, and what shows it.

Why a table: what waits without a word looks like what has nothing to do. Each wait names the metric,
the line of `driftloop status` and the alert that show it; a test holds the table to all three.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """One way to wait. `metric` is a Prometheus series, `status` the words shown, `alert` a rule's name.

    `ends` says what ends the wait, and what a person can do.
    """

    name: str
    service: str
    waits_for: str
    metric: str
    status: str
    alert: str
    ends: str = ""


INGESTION: tuple[Wait, ...] = ()

ARCHIVE: tuple[Wait, ...] = ()

DETECTION: tuple[Wait, ...] = ()

COORDINATOR: tuple[Wait, ...] = ()

TRAINER: tuple[Wait, ...] = ()

SCORING: tuple[Wait, ...] = ()

JOINS = "waits for its share of the partitions"
RESTORES = "waits for its state to be restored"
UNREAD = "waits for the same partition of its other input"
ABORTS = "waits for a transaction to go through"
HANGS = "waits for a call to come back"

RUNTIME: tuple[Wait, ...] = (
    Wait(
        "join",
        "every service",
        "its share of the partitions",
        "driftloop_ready",
        JOINS,
        "DriftloopNotReady",
        "Kafka gives the share, or says that there is none; is the broker there?",
    ),
    Wait(
        "restore",
        "every service",
        "its state to be restored",
        "driftloop_ready",
        RESTORES,
        "DriftloopNotReady",
        "The changelog is read to its end; the log of the service says `restored` for each partition.",
    ),
    Wait(
        "unread",
        "every service",
        "the same partition of its other input",
        "driftloop_incomplete_partitions",
        UNREAD,
        "DriftloopPartitionUnread",
        "All inputs of the service get the same number of partitions.",
    ),
    Wait(
        "abort",
        "every service",
        "a transaction to go through",
        "driftloop_consecutive_aborts",
        ABORTS,
        "DriftloopCannotCommit",
        "Its batches get smaller, and a record that can never be written is buried; else the broker is to be mended: "
        "the log of the service says what it answers.",
    ),
    Wait(
        "hang",
        "every service",
        "a call to come back",
        "driftloop_standstill_seconds",
        HANGS,
        "DriftloopHangs",
        "A call into Kafka is waited for 45 s, a core's own work for `max_poll_interval_ms` and 45 s: then the process "
        "ends with exit code 7 and is started again.",
    ),
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
