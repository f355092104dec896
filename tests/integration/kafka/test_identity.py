"""State, offsets, partitions and the log, on the real Kafka: what does not belong together is said and mended."""

import pytest
from prometheus_client import CollectorRegistry
from tests.cluster.cases_identity import (
    CASES,
    delete_group,
    delete_topic,
    events,
    expected,
    labelled,
    lake_rows,
    outcome,
    prepare,
    recover,
    send,
    settled,
    stop_of,
)

from drift_detection.app import LOOP as DETECTION
from drift_detection.core.processor import DriftDetection
from driftloop.archive.owner import adoption_of
from driftloop.contracts.topics import OUTCOME_FRAMES, PREDICTION_LABELS, PREDICTION_OUTCOMES
from driftloop.kafka.admin.recovery import Recoverer
from driftloop.kafka.admin.topics import apply_topics
from outcome_ingestion.adapters.delta import DeltaSink
from outcome_ingestion.app import ARCHIVE, INGEST
from outcome_ingestion.core.archive.archiving import Archive
from outcome_ingestion.metrics import ArchiveMetrics

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_ends_in_its_sentence_and_the_advice_works(kafka, case):
    case(kafka)


def test_an_input_made_anew_is_said_and_read_from_its_beginning(kafka):
    prepare(kafka)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    settled(kafka)
    delete_topic(kafka, PREDICTION_LABELS)
    apply_topics(kafka, partitions=4)
    assert "prediction-labels was deleted and made anew" in stop_of(kafka)
    recover(kafka)
    send(kafka, PREDICTION_LABELS, labelled(range(10)))
    settled(kafka)
    assert events(kafka) == expected(range(10), "prediction", "label")


def test_a_group_with_snapshots_goes_on_exactly_where_its_state_ends(kafka):
    prepare(kafka, partitions=1)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    settled(kafka)
    settled(kafka, DriftDetection(), DETECTION)
    delete_group(kafka, DETECTION.group)
    assert "the group's offsets are gone" in stop_of(kafka, DriftDetection(), DETECTION)
    step = recover(kafka, DETECTION).steps[0]
    assert step.snapshot_offsets is None, "the state is whole"
    settled(kafka, DriftDetection(), DETECTION)


def test_a_group_that_runs_is_not_touched(kafka):
    from tests.cluster.cases_identity import running, settle

    from driftloop.errors import UserError
    from outcome_ingestion.core.ingest import Ingest

    prepare(kafka, partitions=1)
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    recoverer = Recoverer(kafka.model_copy(update={"replica": 7}), INGEST.group, INGEST.inputs, INGEST.state)
    with running(kafka, Ingest(), INGEST) as loop:
        settle(kafka, loop, INGEST)
        with pytest.raises(UserError, match="stop its service first"):
            recoverer.apply(recoverer.look("earliest"))
    settled(kafka)
    assert events(kafka) == expected(range(10), "prediction")


def test_an_archive_of_another_log_is_refused_and_taken_over_with_its_rows_in_order(kafka, tmp_path):
    def archive():
        return Archive(DeltaSink(str(tmp_path / "lake"), ArchiveMetrics(CollectorRegistry())))

    def round_of(numbers):
        send(kafka, PREDICTION_OUTCOMES, map(outcome, numbers))
        send(kafka, PREDICTION_LABELS, labelled(numbers))
        settled(kafka)

    prepare(kafka, partitions=1)
    round_of(range(10))
    settled(kafka, archive(), ARCHIVE)
    assert lake_rows(tmp_path / "lake") == 10
    delete_topic(kafka, OUTCOME_FRAMES)
    apply_topics(kafka, partitions=1)
    round_of(range(10, 15))
    assert "has rows of another Kafka log" in stop_of(kafka, archive(), ARCHIVE)
    found = Recoverer(kafka, ARCHIVE.group, ARCHIVE.inputs, ARCHIVE.state).look()
    adoption = adoption_of(str(tmp_path / "lake"), found.log.cluster, found.log.topics[OUTCOME_FRAMES])
    assert "its rows stay" in adoption.words
    adoption.apply()
    settled(kafka, archive(), ARCHIVE)
    assert lake_rows(tmp_path / "lake") == 15
