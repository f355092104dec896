"""The code in README and documentation is code: it compiles, its learner learns, its spec is a spec."""

import re
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.prediction_outcomes import PredictionOutcome
from driftloop.learners.protocol import Rows
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.cli.main import command_line

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted(path for path in ROOT.glob("docs/**/*.md") if "reference" not in path.parts)]


def blocks(language: str, text: str) -> list[str]:
    fences = re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [code for name, code in fences if name == language]


def every_block(language: str) -> list:
    return [
        pytest.param(code, id=f"{path.relative_to(ROOT)}-{number}")
        for path in PAGES
        for number, code in enumerate(blocks(language, path.read_text()))
    ]


@pytest.mark.parametrize("code", every_block("python"))
def test_python_compiles(code):
    compile(code, "page.md", "exec")


@pytest.mark.parametrize("code", every_block("yaml"))
def test_yaml_is_yaml(code):
    assert yaml.safe_load(code)


@pytest.mark.parametrize("code", every_block("toml"))
def test_toml_is_toml(code):
    assert tomllib.loads(code)


def test_the_learner_learns_predicts_and_comes_back(tmp_path):
    names: dict = {}
    page = (ROOT / "docs" / "extending.md").read_text()
    exec(compile(next(code for code in blocks("python", page) if "def make" in code), "extending.md", "exec"), names)
    rows = Rows({"x": np.arange(4.0)}, {"y": np.array([1.0, 2.0, 3.0, 6.0])})
    learner = names["make"](None, {})
    learner.fit(rows, None, warm_start=None, seed=0, progress=lambda _step: None).save(tmp_path)
    assert learner.load(tmp_path).predict(rows).fields["y"].tolist() == [3.0] * 4


def test_the_spec_is_valid():
    assert ModelSpec.model_validate(yaml.safe_load(blocks("yaml", README)[0])).model_id == "pricing"


@pytest.mark.parametrize("page", ["README.md", "docs/producers.md"])
def test_the_messages_of_the_producer_are_valid(page):
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

    code = next(code for code in blocks("python", (ROOT / page).read_text()) if "OutcomePublisher" in code)
    body = code[code.index("with ") :]
    exec(compile(body, page, "exec"), {"OutcomePublisher": lambda _: Publisher(), "KafkaSettings": dict})
    assert len(said) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_that_are_named_are_there(page):
    for path in re.findall(r"`((?:shared|services|schemas|deploy|tests|docs)/[\w/.]*)`", page.read_text()):
        assert (ROOT / path).exists(), path


def commands() -> list[str]:
    """Each `driftloop COMMAND [SUBCOMMAND]` in a code block or in backticks."""
    found: set[str] = set()
    for path in PAGES:
        text = path.read_text()
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        code = [*blocks("", text), *blocks("bash", text), *re.findall(r"`([^`\n]+)`", prose)]
        found |= {match for part in code for match in re.findall(r"\bdriftloop ((?:[a-z][a-z-]+ ?){1,2})", part)}
    return sorted({command.strip() for command in found})


@pytest.mark.parametrize("command", commands())
def test_commands_that_are_named_exist(command):
    exit_code, output = help_of(*known(command))
    assert exit_code == 0, output


def known(command: str) -> list[str]:
    """The command without what is an argument of it, such as a model's name."""
    words = command.split()
    _, group = help_of(words[0])
    return words if len(words) > 1 and "COMMAND" in group else words[:1]


@cache
def help_of(*words: str) -> tuple[int, str]:
    """The exit code and what is said, as to a person who types it: only the command of the first word is read in."""
    result = CliRunner().invoke(command_line(words[0]), [*words, "--help"])
    return result.exit_code, result.output


def test_the_readme_is_short():
    assert len(README.encode()) <= 7 * 1024


def test_the_readmes_tree_names_every_room():
    tree = README[README.index("## The tree") :]
    rooms = {path.name for path in (ROOT / "shared" / "driftloop").iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists()}
    rooms |= {
        path.name for path in (ROOT / "shared" / "driftloop" / "tools").iterdir() if (path / "__init__.py").exists()
    }
    assert {room for room in rooms if room not in tree} == set()
