"""Rows that count less with age: the arithmetic, and that every learner which says so goes by it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.learners import entry_points
from driftloop.learners.entry_points import learner_names, make_learner, recency_problem, refuse_unweighed
from driftloop.learners.estimators import estimator_learner
from driftloop.learners.protocol import Predictions, Rows
from driftloop.learners.recency import by_age, effective_rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.spec.recency import RecencyRule
from operations_console.adapters.web.asking import _read
from operations_console.core.asked import SpecAsked

SLOW = ("torch-mlp", "online-net", "lora-text")
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
    for name in learner_names()
    if name not in {"onnx", "open-inference", "skops", "tft", "online"}
]


def spec(**training) -> ModelSpec:
    told = {"model_id": "m", "task": "regression", "features": {"x": {}, "z": {}}, "target": {"y": {"kind": "number"}}}
    return ModelSpec.model_validate({**told, "training": training})


def turned(count: int = 2000, new: int = 200) -> Rows:
    """Rows of y = x, the newest of them of y = -x."""
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=count), rng.normal(size=count)
    sign = np.where(np.arange(count) < count - new, 1.0, -1.0)
    return Rows({"x": x, "z": z}, {"y": sign * x + rng.normal(size=count) * 0.05})


@pytest.mark.parametrize("name", NAMES)
def test_a_learner_that_weighs_rows_follows_the_newest_where_older_ones_count_less(name):
    made = make_learner(spec(), name, {})
    rows, later = turned(), turned(300, new=300)

    def loss(rule):
        fitted = made.fit(by_age(rows, rule), None, warm_start=None, seed=3, progress=lambda _step: None)
        return np.abs(fitted.predict(later).fields["y"] - later.labels["y"]).mean()

    assert loss(RecencyRule(half_life_rows=40)) < 0.5 * loss(None)


@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 10)), min_size=1, max_size=30),
    st.integers(1, 10**6), st.floats(0.001, 1000),
)  # fmt: skip
def test_no_row_counts_more_than_it_would_without_the_rule_and_the_newest_counts_the_same(told, rows, days):
    at, own = np.array([one for one, _ in told]), np.array([one for _, one in told])
    given_rows = Rows({"x": own}, weights=own, at=at)
    for rule in (RecencyRule(half_life_rows=rows), RecencyRule(half_life_days=days)):
        weights = by_age(given_rows, rule).weights
        assert ((weights >= 0) & (weights <= own)).all()
        newest = len(at) - 1 if rule.half_life_rows else int(np.argmax(at))
        assert weights[newest] == own[newest]
        assert 0 <= effective_rows(by_age(given_rows, rule)) <= len(at) * (1 + 1e-9)


def test_a_row_a_half_life_older_counts_half_whatever_order_rows_came_in():
    at = np.array([86_400_000 * day for day in (3, 0, 7)])
    rows = by_age(Rows({"x": np.zeros(3)}, at=at), RecencyRule(half_life_days=2))
    assert rows.weights.tolist() == [0.25, 2**-3.5, 1.0]


def test_without_a_rule_the_rows_are_the_same_object():
    rows = turned(10)
    assert by_age(rows, None) is rows
    assert effective_rows(rows) == 10


def test_days_need_times():
    with pytest.raises(ValueError, match="have no times"):
        by_age(turned(10), RecencyRule(half_life_days=2))


class Silent:
    """A learner that says nothing of weights."""

    def fit(self, rows, held_out, *, warm_start, seed, progress):
        return self

    def predict(self, rows):
        return Predictions({"y": np.zeros(len(rows))})


def test_a_learner_that_does_not_say_that_it_weighs_rows_is_refused_where_they_are_to_be_weighed():
    refuse_unweighed(spec(), Silent(), "mine")
    with pytest.raises(ValueError, match="mine does not say that it weighs rows"):
        refuse_unweighed(spec(recency={"half_life_rows": 10}), Silent(), "mine")


@pytest.mark.parametrize(
    ("name", "sentence"), [("onnx", "does not say that it weighs rows"), ("online", "forgets older ones by itself")]
)
def test_a_spec_whose_learner_cannot_weigh_rows_by_age_is_refused_where_the_learner_is_installed(name, sentence):
    told = spec(recency={"half_life_rows": 10}).model_dump() | {"learner": {"name": name}}
    assert sentence in recency_problem(ModelSpec.model_validate(told))
    assert recency_problem(ModelSpec.model_validate(told | {"training": {}})) is None
    elsewhere = told | {"learner": {"name": "somebody-elses"}}
    assert recency_problem(ModelSpec.model_validate(elsewhere)) is None


@pytest.fixture
def foreign(monkeypatch):
    """Installs a learner whose maker does this."""

    def install(maker):
        monkeypatch.setattr(entry_points, "load", lambda _group, _name: maker)

    return install


def raising(error):
    def maker(_spec, _parameters):
        raise error

    return maker


@pytest.mark.parametrize(
    "maker",
    [
        *map(raising, [TypeError("no"), KeyError("depth"), RuntimeError("no"), AttributeError("no"), OSError("no")]),
        lambda: None,
        None,
    ],
)
def test_a_maker_that_raises_what_none_should_is_a_refusal_that_names_it(foreign, maker):
    foreign(maker)
    told = spec(recency={"half_life_rows": 10}).model_dump(mode="json") | {"learner": {"name": "foreign"}}
    sentence = recency_problem(ModelSpec.model_validate(told))
    assert sentence.startswith("learner foreign cannot be made: its maker raised ")
    with pytest.raises(ValueError, match="learner foreign cannot be made"):
        make_learner(ModelSpec.model_validate(told))
    _, problems = _read(SpecAsked(text=json.dumps(told)))
    assert problems == [f"training: {sentence}"]


@pytest.mark.parametrize("error", [ValueError("no parameter depth"), ImportError("no module named boost")])
def test_a_maker_that_refuses_or_lacks_a_module_leaves_it_to_whoever_trains(foreign, error):
    foreign(raising(error))
    told = spec(recency={"half_life_rows": 10}).model_dump() | {"learner": {"name": "foreign"}}
    assert recency_problem(ModelSpec.model_validate(told)) is None


def test_a_learner_that_cannot_be_imported_is_a_refusal_that_names_it(monkeypatch):
    def load(_group, _name):
        raise RuntimeError("no licence")

    monkeypatch.setattr(entry_points, "load", load)
    told = spec(recency={"half_life_rows": 10}).model_dump() | {"learner": {"name": "foreign"}}
    assert recency_problem(ModelSpec.model_validate(told)) == (
        "learner foreign cannot be used: to import it raised RuntimeError: no licence"
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"recency": {}}, "needs one of"),
        ({"recency": {"half_life_rows": 5, "half_life_days": 1}}, "needs one of"),
        ({"recency": {"half_life_days": float("inf")}}, "finite number"),
        ({"recency": {"half_life_rows": 0}}, "greater than or equal to 1"),
        ({"recency": {"half_life_rows": 5}, "executor": "external"}, "leave recency out"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_sentence(told, sentence):
    with pytest.raises(ValueError, match=sentence):
        spec(**told)


def test_a_spec_without_recency_is_written_as_before():
    assert "recency" not in spec().model_dump_json()
    assert '"recency":{"half_life_rows":10,' in spec(recency={"half_life_rows": 10}).model_dump_json()


def test_an_estimator_that_takes_no_weights_learns_without_them_and_says_so():
    pytest.importorskip("skops", reason="skops comes with the extra driftloop[trainer]")
    from sklearn.linear_model import HuberRegressor
    from sklearn.neighbors import KNeighborsRegressor

    blind = estimator_learner("near", regressor=KNeighborsRegressor())(spec(), {})
    assert not blind.weighs_rows
    assert estimator_learner("huber", regressor=HuberRegressor())(spec(), {}).weighs_rows
    rows = by_age(turned(50), RecencyRule(half_life_rows=5))
    blind.fit(rows, None, warm_start=None, seed=1, progress=lambda _step: None)


def test_of_two_estimators_the_one_that_takes_weights_is_given_them_whatever_the_other_does():
    pytest.importorskip("skops", reason="skops comes with the extra driftloop[trainer]")
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsRegressor

    told = spec().model_dump() | {"task": "multi-field", "target": {"kind": {}, "y": {"kind": "number"}}}
    made = estimator_learner("two", classifier=LogisticRegression(), regressor=KNeighborsRegressor())
    learner = made(ModelSpec.model_validate(told), {})
    assert not learner.weighs_rows
    only_kind = ModelSpec.model_validate(told | {"task": "binary", "target": {"kind": {}}})
    assert made(only_kind, {}).weighs_rows
    rows = Rows({"x": np.zeros(6), "z": np.zeros(6)}, {"kind": np.array(["no"] * 3 + ["yes"] * 3), "y": np.arange(6.0)})
    weighed = by_age(rows, RecencyRule(half_life_rows=1))
    model = learner.fit(weighed, None, warm_start=None, seed=1, progress=lambda _step: None)
    assert model.predict(rows.take(slice(0, 5))).fields["kind"].tolist() == ["yes"] * 5
