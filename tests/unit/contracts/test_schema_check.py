"""`driftloop schemas check` finds what does not agree, and says it in a sentence."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from driftloop.contracts.topics import Topic, schemas_root, topics
from driftloop.tools.schemas.schema_check import breaking_changes, problems

TOPIC = "training-progress"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(shutil.copytree(schemas_root(), tmp_path / "schemas"))


def with_topic(**changes: object) -> Mapping[str, Topic]:
    return {**topics(), TOPIC: topics()[TOPIC].model_copy(update=changes)}


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes, indent=2) + "\n")


def test_a_schema_that_was_not_written_is_found(root: Path):
    (root / f"{TOPIC}.v1.avsc").unlink()
    assert f"{TOPIC}.v1.avsc is not up to date: run `driftloop schemas write`" in problems(root, topics())


def test_a_change_that_breaks_the_committed_version_is_found(root: Path):
    path = root / f"{TOPIC}.v1.schema.json"
    committed = json.loads(path.read_text())
    committed["required"].remove("run_id")
    path.write_text(json.dumps(committed))
    assert breaking_changes(root, topics()) == [f"{path.name}: (root): run_id is required now"]


def test_a_new_version_that_breaks_an_older_one_is_found(root: Path):
    for suffix in ("schema.json", "avsc"):
        shutil.copy(root / f"{TOPIC}.v1.{suffix}", root / f"{TOPIC}.v2.{suffix}")
    shutil.copytree(root / "examples" / TOPIC / "v1", root / "examples" / TOPIC / "v2")
    edit(root / f"{TOPIC}.v1.schema.json", required=["model_id"])
    found = [sentence for sentence in problems(root, with_topic(schema_version=2)) if "breaks v1" in sentence]
    assert f"{TOPIC} breaks v1: (root): run_id is required now" in found


def test_a_version_that_was_deleted_is_missed(root: Path):
    for suffix in ("schema.json", "avsc"):
        (root / f"{TOPIC}.v1.{suffix}").rename(root / f"{TOPIC}.v2.{suffix}")
    assert f"{TOPIC}.v1.avsc is missing: versions are kept for ever" in problems(root, with_topic(schema_version=2))


@pytest.mark.parametrize(("kind", "verdict"), [("valid", "refused"), ("invalid", "accepted")])
def test_an_example_in_the_wrong_folder_is_found_by_contract_and_schema(root: Path, kind: str, verdict: str):
    examples = root / "examples" / TOPIC / "v1"
    other = "invalid" if kind == "valid" else "valid"
    source = next((examples / other).glob("*.json"))
    shutil.copy(source, examples / kind / "misplaced.json")
    found = problems(root, topics())
    assert [f"{verdict} by the JSON Schema" in s or f"{verdict} by the contract" in s for s in found] == [True, True]


def test_a_topic_without_examples_is_found(root: Path):
    shutil.rmtree(root / "examples" / TOPIC)
    assert problems(root, topics()) == [f"{TOPIC} v1 has no valid example", f"{TOPIC} v1 has no invalid example"]


def test_a_schema_file_of_no_topic_is_found(root: Path):
    (root / "rumours.v1.avsc").write_text("{}")
    assert problems(root, topics()) == ["rumours.v1.avsc belongs to no topic: delete it"]


def test_a_topic_whose_contract_is_not_there_is_found(root: Path):
    found = problems(root, with_topic(contract="training_progress.Rumour"))
    assert found == [f"{TOPIC}: there is no contract training_progress.Rumour"]


def test_a_topic_without_a_contract_must_be_raw(root: Path):
    assert problems(root, with_topic(contract=None)) == [f"{TOPIC}: only a topic of raw bytes goes without a contract"]


def test_a_topic_file_that_is_missing_is_found(root: Path):
    declared = {name: topic for name, topic in topics().items() if name != TOPIC}
    found = problems(root, declared)
    assert f"{TOPIC} is named in code and has no topic file" in found
    assert "driftloop.contracts.training_progress.TrainingProgress is a contract of no topic" in found


def test_partition_counts_that_differ_within_a_group_are_found(root: Path):
    assert problems(root, with_topic(partitions=6)) == [
        "partition group models has topics of 6, 12 partitions: one count is needed"
    ]
