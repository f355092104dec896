"""Golden Avro messages keep an older version readable, and catch a change in place."""

import json
import shutil
from pathlib import Path

import pytest

from driftloop.contracts.topics import PREDICTION_LABELS, schemas_root, topics
from driftloop.tools.schemas.golden import golden_file, golden_problems, write_golden

NEWEST = topics()[PREDICTION_LABELS].schema_version


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(schemas_root(), tmp_path / "schemas"))


def add_field(root: Path, version: int) -> None:
    schema = json.loads((root / f"{PREDICTION_LABELS}.v{min(version, NEWEST)}.avsc").read_text())
    schema["fields"].append({"name": "annotator", "type": "string", "default": ""})
    (root / f"{PREDICTION_LABELS}.v{version}.avsc").write_text(json.dumps(schema))


def test_the_committed_golden_messages_are_read_as_their_examples():
    assert list(golden_problems(schemas_root(), topics())) == []


def test_a_version_that_was_changed_in_place_is_caught(root: Path):
    add_field(root, 1)
    found = list(golden_problems(root, topics()))
    assert len(found) == 3
    assert all("no version of the schema has the fingerprint" in sentence for sentence in found)


def test_golden_messages_of_an_older_version_are_read_by_a_newer_one(root: Path):
    add_field(root, NEWEST + 1)
    assert list(golden_problems(root, topics())) == []


def test_a_version_without_golden_messages_is_named_and_they_are_written_once(root: Path):
    file = golden_file(root, PREDICTION_LABELS, NEWEST)
    before = file.read_text()
    file.unlink()
    assert [s for s in golden_problems(root, topics()) if "has no golden Avro messages" in s]
    assert write_golden(root, topics()) == [file]
    assert write_golden(root, topics()) == []
    assert file.read_text() == before


def test_golden_messages_that_read_as_something_else_are_named(root: Path):
    file = golden_file(root, PREDICTION_LABELS, 1)
    golden = json.loads(file.read_text())
    first, second, *_ = golden
    golden[first] = golden[second]
    file.write_text(json.dumps(golden))
    assert any("reads as something else" in sentence for sentence in golden_problems(root, topics()))
