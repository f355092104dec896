"""Golden Avro messages: bytes that were written once and must be readable for ever.

`schemas/examples/<topic>/v<N>/avro.json` holds each valid example as version N wrote it, in
hexadecimal. A file is written once, when its version is new, and never again.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from driftloop.codec.avro import AvroTopic
from driftloop.contracts.message import Message
from driftloop.contracts.topics import Topic
from driftloop.tools.schemas.schema_files import contract_of


def golden_file(root: Path, topic: str, version: int) -> Path:
    """Where the golden messages of a version lie."""
    return root / "examples" / topic / f"v{version}" / "avro.json"


def write_golden(root: Path, declared: Mapping[str, Topic], *, anew: bool = False) -> list[Path]:
    """Write the golden messages of versions that have none (`anew`: of every current version)."""
    written = []
    for topic, contract in _avro_topics(declared):
        file = golden_file(root, topic.name, topic.schema_version)
        text = json.dumps(_encoded(root, topic, contract), indent=2) + "\n"
        if not file.is_file() or (anew and file.read_text(encoding="utf-8") != text):
            file.write_text(text, encoding="utf-8")
            written.append(file)
    return written


def golden_problems(root: Path, declared: Mapping[str, Topic]) -> Iterator[str]:
    """Sentences on golden messages that are missing, unreadable, or read as something else."""
    for topic, contract in _avro_topics(declared):
        codec = AvroTopic(topic.name, root, aware_moments=True)
        for version in range(1, topic.schema_version + 1):
            file = golden_file(root, topic.name, version)
            if not file.is_file():
                yield f"{topic.name} v{version} has no golden Avro messages: run `driftloop schemas write`"
                continue
            for name, written in json.loads(file.read_text(encoding="utf-8")).items():
                problem = _problem(codec, contract, bytes.fromhex(written), file.parent / "valid" / f"{name}.json")
                if problem:
                    yield f"{topic.name} v{version}, golden message {name}: {problem}"


def _avro_topics(declared: Mapping[str, Topic]) -> Iterator[tuple[Topic, type[Message]]]:
    for topic in declared.values():
        contract = contract_of(topic)
        if "avro" in topic.encodings and contract is not None and issubclass(contract, Message):
            yield topic, contract


def _encoded(root: Path, topic: Topic, contract: type[Message]) -> dict[str, str]:
    codec = AvroTopic(topic.name, root)
    examples = sorted((root / "examples" / topic.name / f"v{topic.schema_version}" / "valid").glob("*.json"))
    return {file.stem: codec.encode(contract.from_json(file.read_bytes())).hex() for file in examples}


def _problem(codec: AvroTopic, contract: type[Message], written: bytes, example: Path) -> str | None:
    try:
        read = contract.model_validate(codec.decode(written))
    except ValueError as error:
        return f"cannot be read any more ({error})"
    if not example.is_file():
        return "its example is gone"
    return None if read == contract.from_json(example.read_bytes()) else "reads as something else than its example"
