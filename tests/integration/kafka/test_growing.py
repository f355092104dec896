"""`driftloop topics grow` on the real Kafka: what is empty grows together, what has held records is left as it is."""

import pytest
from tests.cluster.cases_identity import outcome, prepare, send, settled

from driftloop.contracts.topics import PREDICTION_OUTCOMES
from driftloop.errors import UserError
from driftloop.kafka.admin.growing import Grower
from outcome_ingestion.app import INGEST

pytestmark = pytest.mark.broker


def test_empty_topics_grow_and_the_services_work_on_them_and_then_no_more(kafka):
    prepare(kafka, partitions=2)
    grower = Grower(kafka, "predictions", [INGEST.group])
    other = Grower(kafka, "models", [INGEST.group])
    refused = other.look(6)
    with pytest.raises(UserError, match="model-specs held records already"):  # the spec that `prepare` has sent
        other.apply(refused)
    growth = grower.look(6)
    assert (growth.refusal, growth.used, growth.at_work, {*growth.grows.values()}) == ("", (), (), {2})
    grower.apply(growth)
    assert {*grower.look(6).partitions.values()} == {6}
    send(kafka, PREDICTION_OUTCOMES, map(outcome, range(10)))
    settled(kafka)
    after = grower.look(12)
    assert "outcome_ingestion-changelog" in after.used
    with pytest.raises(UserError, match="held records already"):
        grower.apply(after)
    assert {*grower.look(6).partitions.values()} == {6}
