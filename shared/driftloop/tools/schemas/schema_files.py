"""The files in `schemas/` that are made from the contracts.

`<topic>.v<N>.schema.json` and `<topic>.v<N>.avsc` are committed, so that a producer in any
language can use them and a reviewer sees what a change of a contract does to the wire.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from driftloop.contracts.topics import Topic
from driftloop.tools.schemas.avro import avro_schema

JSON_SUFFIX, AVRO_SUFFIX = ".schema.json", ".avsc"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def contract_of(topic: Topic) -> type[BaseModel] | None:
    """The class that a topic file names; None for a topic of raw bytes.

    Raises LookupError where there is no such class.
    """
    if topic.contract is None:
        return None
    module, _, name = topic.contract.rpartition(".")
    try:
        contract = getattr(import_module(f"driftloop.contracts.{module}"), name)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{topic.name}: there is no contract {topic.contract}") from error
    if not (isinstance(contract, type) and issubclass(contract, BaseModel)):
        raise LookupError(f"{topic.name}: {topic.contract} is not a contract")  # noqa: TRY004  (it names the file)
    return contract


def json_schema(topic: Topic, contract: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a topic's message; its parts are those of every call, so leave them as they are."""
    heading = {"$schema": _DIALECT, "$id": f"urn:driftloop:{topic.name}:v{topic.schema_version}"}
    return {**heading, "title": contract.__name__, **_of(contract)}


@cache
def _of(contract: type[BaseModel]) -> dict[str, Any]:
    """A class does not change, and to make its schema takes longer than all that is compared with it."""
    tidy: dict[str, Any] = _tidy(contract.model_json_schema())
    return tidy


def _tidy(node: Any, *, is_map_of_names: bool = False) -> Any:
    """Without generated titles, and closed where only keys of a pattern are allowed."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _tidy(value, is_map_of_names=not is_map_of_names and key in ("properties", "$defs", "patternProperties"))
        for key, value in node.items()
        if is_map_of_names or key != "title"
    }
    if not is_map_of_names and "patternProperties" in kept:
        kept.setdefault("additionalProperties", False)
    return kept


def file_name(topic: str, version: int, suffix: str) -> str:
    """The name of a schema file.

    >>> file_name("drift-signals", 1, AVRO_SUFFIX)
    'drift-signals.v1.avsc'
    """
    return f"{topic}.v{version}{suffix}"


def generated(declared: Mapping[str, Topic]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file name, schema) of the current version of every topic that has a contract."""
    for topic in declared.values():
        contract = contract_of(topic)
        if contract is not None:
            yield file_name(topic.name, topic.schema_version, JSON_SUFFIX), json_schema(topic, contract)
            yield file_name(topic.name, topic.schema_version, AVRO_SUFFIX), avro_schema(contract)


def render(schema: Mapping[str, Any]) -> str:
    """The text of a schema file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def read_schema(path: Path) -> dict[str, Any] | None:
    """The schema in a file; None where there is no such file."""
    if not path.is_file():
        return None
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema
