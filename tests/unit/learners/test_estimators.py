"""A scikit-learn estimator of one's own as a learner."""

import numpy as np
import pytest

pytest.importorskip("skops", reason="skops comes with the extra driftloop[trainer]")

from sklearn.linear_model import HuberRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

from driftloop.learners.estimators import estimator_learner

MAKE = estimator_learner("mine", classifier=GaussianNB(), regressor=HuberRegressor())


def fit(spec, rows, make=MAKE, **parameters):
    return make(spec, parameters).fit(rows, None, warm_start=None, seed=1, progress=lambda step: None)


@pytest.mark.parametrize("task", ["multiclass", "regression", "multi-field"])
def test_it_learns_and_comes_back_from_its_files(task, make_spec, make_rows, tmp_path):
    spec, rows = make_spec(task), make_rows()
    model = fit(spec, rows)
    model.save(tmp_path)
    again = MAKE(spec, {}).load(tmp_path).predict(rows)
    for name, column in model.predict(rows).fields.items():
        assert np.array_equal(column, again.fields[name])


def test_settings_reach_the_estimator(make_spec, make_rows):
    model = fit(make_spec("regression"), make_rows(), settings={"epsilon": 2.0})
    assert model.fields["size"][0].epsilon == 2.0


def test_types_that_nobody_has_reviewed_are_refused_on_loading(make_spec, make_rows, tmp_path):
    careless = estimator_learner("tree", regressor=DecisionTreeRegressor())
    fit(make_spec("regression"), make_rows(), careless).save(tmp_path)
    with pytest.raises(ValueError, match="cannot be read: Untrusted types"):
        careless(make_spec("regression"), {}).load(tmp_path)
    reviewed = estimator_learner("tree", regressor=DecisionTreeRegressor(), trusted=["sklearn.tree._tree.Tree"])
    assert reviewed(make_spec("regression"), {}).load(tmp_path) is not None


def test_a_kind_of_target_without_an_estimator_is_refused_with_a_sentence(make_spec, make_rows):
    with pytest.raises(ValueError, match="no estimator for categories"):
        fit(make_spec("multiclass"), make_rows(), estimator_learner("numbers", regressor=HuberRegressor()))


def test_one_class_alone_is_learnt_as_that_class(make_spec, make_rows, tmp_path):
    rows = make_rows()
    rows.labels["kind"][:] = "small"
    model = fit(make_spec("multiclass"), rows)
    model.save(tmp_path)
    assert set(MAKE(make_spec("multiclass"), {}).load(tmp_path).predict(rows).fields["kind"]) == {"small"}
