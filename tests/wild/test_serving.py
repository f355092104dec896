"""A version that serves under another spec than it was learnt under."""

import numpy as np
import pytest
import structlog

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_events import ModelEvent
from driftloop.learners.probe import Probe
from driftloop.learners.protocol import Rows
from driftloop.serving.version import Champion, with_derived
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.clock import START

pytestmark = pytest.mark.usefixtures("plain_logs")

SPEC = ModelSpec.model_validate(
    {
        "model_id": "m",
        "task": "binary",
        "features": {"x": {}, "old": {}, "town": {"kind": "category"}, "both": {"expression": "x * old"}},
        "target": {"y": {}},
    }
)


@pytest.fixture
def champion() -> Champion:
    x = np.random.default_rng(0).normal(size=60)
    given = {"x": x, "old": np.ones(60), "town": np.full(60, "Ulm", dtype=object)}
    rows = Rows(with_derived(SPEC, given), {"y": np.where(x > 0, "1", "0").astype(object)})
    event = ModelEvent(
        message_id=derive_id("e", 1), model_id="m", occurred_at=START, event="rolled_back", version="1.0.0", reason="r"
    )
    return Champion("m", "1.0.0", SPEC, Probe(SPEC).fit(rows, seed=0), event)


@pytest.mark.wild(
    area="serving",
    given="a roll-back to a version with features that producers no longer send; a feature that is new since",
    right="it serves, what is not sent counts as missing, and the log names it once",
)
@pytest.mark.parametrize("sent", [{"x"}, {"x", "town"}, {"x", "old", "new"}, {"new"}])
def test_features_that_are_not_sent_count_as_missing_and_are_named_once(champion, sent):
    features = {name: np.full(7, "Ulm", dtype=object) if name == "town" else np.linspace(-1, 1, 7) for name in sent}
    with structlog.testing.capture_logs() as told:
        first, again = champion.predict(features), champion.predict(features)
    assert first.fields["y"].tolist() == again.fields["y"].tolist()
    assert len(first.fields["y"]) == 7
    (line,) = told
    assert set(line["features"]) == {"x", "old", "town"} - sent


def test_a_feature_of_another_kind_counts_as_missing(champion):
    text = {"x": np.full(3, "high", dtype=object), "old": np.ones(3), "town": np.ones(3)}
    assert len(champion.predict(text).fields["y"]) == 3


def test_no_feature_at_all_is_refused_with_a_sentence(champion):
    with pytest.raises(ValueError, match="no feature is given"):
        champion.predict({})
