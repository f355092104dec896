"""Figures beside an accuracy: those of scikit-learn, and a majority that nobody can overlook."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from driftloop.tools.replay.judging import class_figures, constant_answer


def texts(values):
    return np.asarray(values, dtype=str).astype(object)


@pytest.mark.parametrize("seed", range(5))
def test_figures_of_two_classes_are_those_of_the_rarer_one(seed):
    rng = np.random.default_rng(seed)
    truth, said = texts(rng.random(300) < 0.1), texts(rng.random(300) < 0.2)
    confidence = rng.random(300).round(1) / 2 + 0.5
    figures = class_figures(truth, said, confidence)
    right = precision_recall_fscore_support(truth, said, pos_label="True", average="binary", zero_division=0.0)
    assert (figures.precision, figures.recall, figures.f1) == pytest.approx(right[:3])
    probability = np.where(said == "True", confidence, 1 - confidence)
    assert figures.average_precision == pytest.approx(average_precision_score(truth == "True", probability))
    assert (figures.positive, figures.majority_class) == ("True", "False")
    assert figures.majority == np.mean(truth == "False")


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_more_classes_are_means_over_all(seed):
    rng = np.random.default_rng(seed)
    truth, said = texts(rng.integers(0, 4, 300)), texts(rng.integers(0, 3, 300))
    figures = class_figures(truth, said, rng.random(300))
    right = precision_recall_fscore_support(truth, said, average="macro", zero_division=0.0)
    assert (figures.precision, figures.recall, figures.f1) == pytest.approx(right[:3])
    assert (figures.positive, figures.average_precision) == (None, None)


def test_a_model_that_says_always_normal_finds_nothing():
    truth = texts(["normal"] * 95 + ["defect"] * 5)
    figures = class_figures(truth, texts(["normal"] * 100))
    assert (figures.majority, figures.recall, figures.precision, figures.f1) == (0.95, 0.0, 0.0, 0.0)


def test_the_constant_answer_of_numbers_is_their_median():
    assert constant_answer(np.array([1.0, 2.0, 9.0])).tolist() == [2.0] * 3
