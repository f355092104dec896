"""`driftloop schemas` and `driftloop topics list` without a broker."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from driftloop.contracts.topics import schemas_root, topics
from driftloop.errors import UserError
from driftloop.tools.cli import schemas
from driftloop.tools.cli import topics as topics_command


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the schemas folder that the command takes for the real one."""
    copy = Path(shutil.copytree(schemas_root(), tmp_path / "schemas"))
    monkeypatch.setattr("driftloop.contracts.topics.schemas_root", lambda: copy)
    return copy


def test_check_says_that_all_agrees(root: Path):
    assert f"{len(topics())} topics" in CliRunner().invoke(schemas.app, ["check"]).stdout


def test_write_restores_a_file_that_is_gone(root: Path):
    (root / "drift-signals.v1.avsc").unlink()
    done = CliRunner().invoke(schemas.app, ["write"])
    assert "wrote drift-signals.v1.avsc" in done.stdout
    assert (root / "drift-signals.v1.avsc").read_text() == (schemas_root() / "drift-signals.v1.avsc").read_text()


def narrow(path: Path) -> None:
    """Make the committed schema wider than the contract: the contract then breaks it."""
    schema = json.loads(path.read_text())
    schema["required"] = []
    path.write_text(json.dumps(schema))


def test_write_refuses_to_rewrite_a_version_that_the_contract_breaks(root: Path):
    path = root / "training-progress.v1.schema.json"
    narrow(path)
    before = path.read_text()
    done = CliRunner().invoke(schemas.app, ["write"])
    assert isinstance(done.exception, UserError)
    assert path.read_text() == before


def test_a_version_without_users_may_be_rewritten(root: Path):
    narrow(root / "training-progress.v1.schema.json")
    assert CliRunner().invoke(schemas.app, ["write", "--unreleased"]).exit_code == 0
    assert CliRunner().invoke(schemas.app, ["check"]).exit_code == 0


def test_check_ends_with_an_error_where_something_disagrees(root: Path):
    (root / "rumours.v1.avsc").write_text("{}")
    done = CliRunner().invoke(schemas.app, ["check"])
    assert "rumours.v1.avsc belongs to no topic" in done.output
    assert isinstance(done.exception, UserError)


def test_the_list_of_topics_is_there_for_scripts():
    listed = json.loads(CliRunner().invoke(topics_command.app, ["list", "--json"]).stdout)
    assert {topic["name"] for topic in listed} == set(topics())


def test_the_list_of_topics_is_there_for_people():
    assert "prediction-outcomes-dlq" in CliRunner(env={"COLUMNS": "200"}).invoke(topics_command.app, ["list"]).stdout
