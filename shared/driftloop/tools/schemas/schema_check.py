"""Whether contracts, schema files, examples and topic files agree.

Each check gives sentences that say what is wrong and what to do; no sentence means that all is well.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

from fastavro import parse_schema
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, ValidationError

import driftloop.contracts
from driftloop.contracts import topics as topic_map
from driftloop.contracts.evolution import avro_breaks
from driftloop.contracts.message import ControlMessage, Message
from driftloop.contracts.topics import Topic
from driftloop.tools.schemas.compatibility import breaks
from driftloop.tools.schemas.schema_files import (
    AVRO_SUFFIX,
    JSON_SUFFIX,
    contract_of,
    file_name,
    generated,
    read_schema,
    render,
)

_FORMATS = FormatChecker(["uuid"])


@_FORMATS.checks("date-time", raises=ValueError)
def _is_aware_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def problems(root: Path, declared: Mapping[str, Topic]) -> list[str]:
    """Everything that is wrong with the schemas folder `root` and the declared topics."""
    unknown = list(_unknown_contracts(declared))
    if unknown:
        return unknown
    checks = (_not_up_to_date, _breaking_versions, _wrong_examples, _orphans)
    found = [sentence for check in checks for sentence in check(root, declared)]
    return found + list(_disagreeing_topics(declared)) + list(_unused_contracts(declared))


def breaking_changes(root: Path, declared: Mapping[str, Topic]) -> list[str]:
    """What the contracts, as they are now, would refuse of what their committed schemas accepted."""
    found = []
    for name, schema in generated(declared):
        committed = read_schema(root / name)
        if committed is not None:
            compare = avro_breaks if name.endswith(AVRO_SUFFIX) else breaks
            found += [f"{name}: {sentence}" for sentence in compare(committed, schema)]
    return found


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A JSON Schema validator that also checks moments and ids."""
    return Draft202012Validator(schema, format_checker=_FORMATS)


def _unknown_contracts(declared: Mapping[str, Topic]) -> Iterator[str]:
    for topic in declared.values():
        try:
            contract = contract_of(topic)
        except LookupError as error:
            yield str(error)
        else:
            if contract is None and topic.encodings != ("raw",):
                yield f"{topic.name}: only a topic of raw bytes goes without a contract"


def _not_up_to_date(root: Path, declared: Mapping[str, Topic]) -> Iterator[str]:
    broken = breaking_changes(root, declared)
    yield from (f"{sentence} (raise schema_version in the topic file, or leave it)" for sentence in broken)
    for name, schema in generated(declared):
        if read_schema(root / name) != schema:
            yield f"{name} is not up to date: run `driftloop schemas write`"
        _raise_unless_it_is_one(name.endswith(AVRO_SUFFIX), render(schema))


@cache
def _raise_unless_it_is_one(is_avro: bool, text: str) -> None:
    """Raises what the library of that kind of schema raises. Once for a text: it stays the same in a process."""
    if is_avro:
        parse_schema(json.loads(text))
    else:
        Draft202012Validator.check_schema(json.loads(text))


def _breaking_versions(root: Path, declared: Mapping[str, Topic]) -> Iterator[str]:
    for topic in declared.values():
        for suffix, compare in ((JSON_SUFFIX, breaks), (AVRO_SUFFIX, avro_breaks)):
            current = read_schema(root / file_name(topic.name, topic.schema_version, suffix))
            for version in range(1, topic.schema_version):
                earlier = read_schema(root / file_name(topic.name, version, suffix))
                if earlier is None:
                    yield f"{file_name(topic.name, version, suffix)} is missing: versions are kept for ever"
                elif current is not None and topic.compatibility == "backward":
                    yield from (f"{topic.name} breaks v{version}: {sentence}" for sentence in compare(earlier, current))


def _wrong_examples(root: Path, declared: Mapping[str, Topic]) -> Iterator[str]:
    for topic in declared.values():
        contract = contract_of(topic)
        schema = read_schema(root / file_name(topic.name, topic.schema_version, JSON_SUFFIX))
        if contract is None or schema is None:
            continue
        for version in range(1, topic.schema_version + 1):
            for kind in ("valid", "invalid"):
                found = sorted((root / "examples" / topic.name / f"v{version}" / kind).glob("*.json"))
                if not found:
                    yield f"{topic.name} v{version} has no {kind} example"
                for path in found:
                    yield from _wrong_example(path, kind, contract, schema)


def _wrong_example(path: Path, kind: str, contract: type[BaseModel], schema: Mapping[str, Any]) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    accepted = {"the JSON Schema": validator(schema).is_valid(json.loads(text)), "the contract": True}
    try:
        contract.model_validate_json(text)
    except ValidationError:
        accepted["the contract"] = False
    for judge, accepts in accepted.items():
        if accepts != (kind == "valid"):
            name = "/".join(path.parts[-4:])
            yield f"{name} is {'accepted' if accepts else 'refused'} by {judge}, and the folder says {kind}"


def _orphans(root: Path, declared: Mapping[str, Topic]) -> Iterator[str]:
    expected = {
        file_name(topic.name, version, suffix)
        for topic in declared.values()
        if topic.contract
        for version in range(1, topic.schema_version + 1)
        for suffix in (JSON_SUFFIX, AVRO_SUFFIX)
    }
    files = {path.name for path in root.iterdir() if path.name.endswith((JSON_SUFFIX, AVRO_SUFFIX))}
    yield from (f"{name} belongs to no topic: delete it" for name in sorted(files - expected))
    folders = {path.name for path in (root / "examples").glob("*")}
    yield from (f"examples/{name} belongs to no topic: delete it" for name in sorted(folders - declared.keys()))


def _disagreeing_topics(declared: Mapping[str, Topic]) -> Iterator[str]:
    named = {value for name, value in vars(topic_map).items() if name.isupper() and isinstance(value, str)}
    yield from (f"{name} is named in code and has no topic file" for name in sorted(named - declared.keys()))
    yield from (f"{name} has a topic file and is named nowhere in code" for name in sorted(declared.keys() - named))
    counts: dict[str, set[int]] = defaultdict(set)
    for topic in declared.values():
        counts[topic.partition_group].add(topic.partitions)
    for group, different in sorted(counts.items()):
        if len(different) > 1:
            listed = ", ".join(map(str, sorted(different)))
            yield f"partition group {group} has topics of {listed} partitions: one count is needed"


def _unused_contracts(declared: Mapping[str, Topic]) -> Iterator[str]:
    used: set[type[BaseModel]] = {Message, ControlMessage}
    for topic in declared.values():
        contract = contract_of(topic)
        if contract is not None:
            _reach(contract, used)
    for module in iter_modules(driftloop.contracts.__path__, "driftloop.contracts."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Message) and value not in used:
                yield f"{value.__module__}.{value.__name__} is a contract of no topic"
                used.add(value)


def _reach(annotation: Any, used: set[type[BaseModel]]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in used:
        used.add(annotation)
        for info in annotation.model_fields.values():
            _reach(info.annotation, used)
    for argument in get_args(annotation):
        _reach(argument, used)
