"""The schemas folder agrees with the contracts, and its examples mean what they say."""

import io
import json
from pathlib import Path

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from pydantic import BaseModel

from driftloop.contracts.topics import schemas_root, topics
from driftloop.tools.schemas.avro import avro_schema
from driftloop.tools.schemas.schema_check import problems
from driftloop.tools.schemas.schema_files import contract_of

ROOT = schemas_root()
VALID = sorted(ROOT.glob("examples/*/v*/valid/*.json"))


def contract_for(example: Path) -> type[BaseModel]:
    contract = contract_of(topics()[example.parts[-4]])
    assert contract is not None
    return contract


def test_contracts_schemas_examples_and_topic_files_agree():
    assert problems(ROOT, topics()) == []


@pytest.mark.parametrize("example", VALID, ids=lambda path: f"{path.parts[-4]}/{path.stem}")
def test_a_valid_example_survives_json(example: Path):
    message = contract_for(example).model_validate_json(example.read_text())
    assert type(message).model_validate_json(message.model_dump_json()) == message


@pytest.mark.parametrize("example", VALID, ids=lambda path: f"{path.parts[-4]}/{path.stem}")
def test_a_valid_example_survives_avro(example: Path, json_text_in_avro: None):
    contract = contract_for(example)
    message = contract.model_validate_json(example.read_text())
    schema = parse_schema(avro_schema(contract))
    written = io.BytesIO()
    schemaless_writer(written, schema, message.model_dump(exclude_unset=True))
    written.seek(0)
    assert contract.model_validate(schemaless_reader(written, schema, schema)) == message


def test_every_topic_of_messages_has_examples():
    shown = {path.parts[-4] for path in VALID}
    assert shown == {name for name, topic in topics().items() if topic.contract}


def test_example_files_are_formatted_alike():
    for path in ROOT.glob("examples/*/v*/*/*.json"):
        text = path.read_text()
        assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", path
