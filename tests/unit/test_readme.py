"""The README's code is code: it compiles, its learner learns, its spec is a spec."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import ModelSpec

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_compiles(code):
    compile(code, "README.md", "exec")


def test_the_learner_learns_predicts_and_comes_back(tmp_path):
    names: dict = {}
    exec(compile(next(code for code in blocks("python") if "def make" in code), "README.md", "exec"), names)
    rows = Rows({"x": np.arange(4.0)}, {"y": np.array([1.0, 2.0, 3.0, 6.0])})
    learner = names["make"](None, {})
    learner.fit(rows, None, warm_start=None, seed=0, progress=lambda _step: None).save(tmp_path)
    assert learner.load(tmp_path).predict(rows).fields["y"].tolist() == [3.0] * 4


def test_the_spec_is_valid_and_so_are_the_messages():
    assert ModelSpec.model_validate(yaml.safe_load(blocks("yaml")[0])).model_id == "pricing"
    said: list = []

    class Publisher:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def publish(self, outcome):
            said.append(PredictionOutcome.model_validate(outcome))

        def label(self, label):
            said.append(PredictionLabel.model_validate(label))

    code = next(code for code in blocks("python") if "OutcomePublisher" in code)
    body = code[code.index("with ") :]
    exec(compile(body, "README.md", "exec"), {"OutcomePublisher": lambda _: Publisher(), "KafkaSettings": dict})
    assert len(said) == 2


def test_paths_that_are_named_are_there():
    root = Path(__file__).parents[2]
    named = re.findall(r"`((?:shared|services|schemas|deploy|tests)/[\w/.]*)`", README)
    assert named
    for path in named:
        assert (root / path).exists(), path
