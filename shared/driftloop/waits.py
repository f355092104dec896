"""Every way in which a model or a service can wait, and what shows it.

Why a table: what waits without a word looks like what has nothing to do. Each wait names the metric,
the line of `driftloop status` and the alert that show it; a test holds the table to all three.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wait:
    """One way to wait. `metric` is a Prometheus series, `status` the words shown, `alert` a rule's name.

    Waits of the coordinator are series of one metric, told apart by the label `waits_for`, which is `name`.
    `ends` says what ends the wait, and what a person can do.
    """

    name: str
    service: str
    waits_for: str
    metric: str
    status: str
    alert: str
    ends: str = ""


def _model(name: str, waits_for: str, alert: str, ends: str) -> Wait:
    return Wait(name, "retrain_coordinator", waits_for, "driftloop_model_waits", f"waits for {waits_for}", alert, ends)


_EVIDENCE, _PERSON = "DriftloopModelWaitsForEvidence", "DriftloopModelWaitsForPerson"
_RUN, _LONG = "DriftloopModelWaitsForRun", "DriftloopModelWaitsLong"

INGESTION: tuple[Wait, ...] = (
    Wait(
        "row without a label",
        "outcome_ingestion",
        "its label, until the spec's give_up_seconds have passed",
        "driftloop_rows_waiting",
        "predictions that wait for their label",
        "DriftloopRowsWait",
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

TRANSLATION: tuple[Wait, ...] = (
    Wait("half", "outcome_pairing", "the other half of a logged exchange", "driftloop_halves_waiting",
         "requests or responses wait for the other one", "DriftloopHalvesWait",
         "It comes. After `pair_wait_seconds` a request is dropped and counted, and a response is buried."),
    Wait("registry", "outcome_ingestion, outcome_translate", "the schema registry", "driftloop_schema_registry_away",
         "the schema registry does not answer", "DriftloopSchemaRegistryAway",
         "It answers. Until then the process ends every 60 seconds and is started again where it was."),
)  # fmt: skip

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

COORDINATOR: tuple[Wait, ...] = (
    _model("detection", "detection to report a frame", _EVIDENCE,
           "drift_detection reports it; is it running, and has it lag?"),
    _model("scores", "the scores of a frame", _EVIDENCE,
           "Scoring tells them, or why it cannot. 2 minutes after it told of a later frame, or after 30 minutes of "
           "silence, the frame is taken in without, and a decision with trigger `scores` says so."),
    _model("signals", "the signals of a frame", _EVIDENCE,
           "They come; after 30 minutes the frame is taken in without those that do not."),
    _model("run", "the end of a training run", _RUN,
           "The trainer ends the run; `driftloop cancel` gives it up."),
    _model("fleet", "a run of another model to end", _RUN,
           "One of the runs in progress ends; the setting `runs_at_once` bounds them."),
    _model("proof", "the proof of a challenger", _LONG,
           "Labelled rows prove it better or worse, at `challenge.maximum_rows` at the latest; `driftloop promote` or "
           "`driftloop veto`."),
    _model("approval", "a person's approval", _PERSON,
           "`driftloop approve` or `driftloop veto`."),
    _model("veto_window", "the end of the veto window", _LONG,
           "It ends by itself; `driftloop approve` or `driftloop veto` end it at once."),
    _model("freeze", "the end of a freeze", _PERSON,
           "`driftloop unfreeze`."),
    _model("automation", "a person, because automatic retraining is off", _PERSON,
           "`driftloop retrain`, or `automation.retrain: true` in the spec."),
    _model("quiet", "a quiet period of the host", _LONG,
           "A reading below the policy's limit comes; `driftloop readings` sends them."),
    _model("disk", "free disk space", _LONG,
           "A reading of `free_disk_gb` above the policy's limit comes."),
    _model("cool_down", "the end of a cool-down", _LONG,
           "`least_gap_seconds` or the span of `maximum_runs` passes; `driftloop retrain` passes it."),
    _model("rows", "more labelled rows", _LONG,
           "Labels come: do they? The policy's `minimum_rows` and `minimum_new_rows` say how many."),
    _model("retry", "more labelled rows after a failed run", _LONG,
           "Rows come; `driftloop models history` says why the run failed."),
    _model("quarantine", "a second window to confirm a drift", _LONG,
           "`quarantine_rows` more labelled rows come."),
    _model("payoff", "a harm to cost as much as a run", _LONG,
           "The loss that a run would avoid reaches its price; `driftloop retrain` does not wait for it."),
    _model("policy", "a person, because the policy does not act on the harm", _PERSON,
           "`driftloop retrain`, or another policy in the spec; the decision says if the policy is unusable."),
    _model("version", "a first version", _PERSON,
           "`driftloop retrain` trains one from the labelled rows, `driftloop models register` brings one in; "
           "`first_version_rows` in the policy starts the first run by itself."),
    _model("target", "a version that predicts the declared target", _PERSON,
           "`driftloop retrain` trains one; a spec with the former target takes the change back."),
    _model("artifact", "a champion that can be run", _PERSON,
           "Put the artifact back, `driftloop rollback`, or `driftloop retrain`."),
    _model("deployment", "its owner to deploy the version that was asked for", _PERSON,
           "Its owner deploys the version that the event `promotion_asked` or `roll_back_asked` names; the first "
           "outcomes of it end the wait."),
    _model("server", "its server to serve the champion", _PERSON,
           "Outcomes name another version. Does the server's `ChampionWatcher` run, and can it load the artifact? A "
           "server that follows no champion is declared: `serving: external` in the spec."),
    _model("spec", "its spec, which was withdrawn", _PERSON,
           "`driftloop models apply`."),
)  # fmt: skip

TRAINER: tuple[Wait, ...] = (
    Wait("queue", "trainer_worker", "a free place for a run", "driftloop_training_runs_waiting",
         "runs wait for a free place", "DriftloopTrainingQueueStands",
         "The runs in progress end; more workers, or `DRIFTLOOP_TRAINER_WORKER_RUNS_AT_ONCE`."),
    Wait("child", "trainer_worker", "the end of a run in progress", "driftloop_training_oldest_run_seconds",
         "a run is in progress", "DriftloopTrainingRunIsLong",
         "The run ends, at `training.time_limit_seconds` at the latest; `driftloop cancel` ends it at once."),
    Wait("archive", "trainer_worker", "the archive to hold the rows of a run", "driftloop_training_waits_for_archive",
         "a run waits for the archive", "DriftloopTrainingWaitsForArchive",
         "The archive gets there; after `archive_wait_seconds` the run fails with that reason. Does the archive run?"),
    Wait("store", "trainer_worker", "the artifact store", "driftloop_training_waits_for_store",
         "a run waits for the artifact store", "DriftloopArtifactStoreAway",
         "The store answers and takes files; after `archive_wait_seconds` the run fails with that reason."),
    Wait("cluster", "trainer_worker", "a Ray or Kubernetes cluster to answer", "driftloop_training_waits_for_cluster",
         "a run waits for its cluster to answer", "DriftloopTrainingClusterAway",
         "The cluster answers; after `training.time_limit_seconds` the run fails. Its job may go on meanwhile."),
    Wait("webhook", "trainer_worker", "a webhook to take a request", "driftloop_training_waits_for_webhook",
         "a run waits for its webhook to answer", "DriftloopTrainingWebhookAway",
         "The webhook answers: it is asked every 5 seconds; after `training.time_limit_seconds` the run fails."),
)  # fmt: skip

SCORING: tuple[Wait, ...] = (
    Wait("store", "challenge_scoring", "the artifact store", "driftloop_scoring_store_away",
         "scoring waits for the artifact store", "DriftloopArtifactStoreAway",
         "The store answers. Until then the process ends every 20 seconds and is started again where it was."),
    Wait("version", "challenge_scoring", "a version that can be scored", "driftloop_scoring_versions_refused",
         "a version cannot be scored", "DriftloopVersionNotScored",
         "Its artifact is put back, its server answers, or it is archived; "
         "the scores name the reason, as does the log."),
    Wait("frames", "challenge_scoring", "the frames that it is behind", "driftloop_lag_records",
         "frames wait to be scored", "DriftloopFallsBehind",
         "Scoring catches up; more replicas, up to one a partition."),
)  # fmt: skip

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

CONSOLE: tuple[Wait, ...] = (
    Wait(
        "view",
        "operations_console",
        "the broker, or a topic that it reads: it shows nothing before its view is whole",
        "driftloop_console_view_whole",
        "/readyz: the view is still being loaded",
        "DriftloopConsoleIsNotWhole",
        "the broker answers and the topics are there; its log says what is missing",
    ),
    Wait(
        "notification",
        "operations_notify",
        "a receiver that is away or refuses, for three days at most",
        "driftloop_notifications_failing",
        "notifications that a receiver has refused, or not answered",
        "DriftloopNotificationsFail",
        "the receiver takes it: `driftloop notify test CHANNEL` says what is wrong",
    ),
)

MIRROR: tuple[Wait, ...] = (
    Wait("registry", "operations_mirror", "MLflow", "driftloop_mirror_away",
         "MLflow does not answer", "DriftloopMirrorAway",
         "It answers. Until then nothing is committed: the process ends every `mlflow_retry_seconds` and is started "
         "again where it was."),
    Wait("alias", "operations_mirror", "a person to give an alias back that was moved by hand",
         "driftloop_mirror_aliases_moved", "an alias in MLflow was moved by hand", "DriftloopMirrorAliasMoved",
         "Delete the alias in MLflow, and it is set again; or put it back."),
)  # fmt: skip

WAITS = INGESTION + TRANSLATION + ARCHIVE + DETECTION + COORDINATOR + TRAINER + SCORING + RUNTIME + CONSOLE + MIRROR
