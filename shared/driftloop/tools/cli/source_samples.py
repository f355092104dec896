"""A source tried on a sample: what each record becomes, or why not."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from driftloop.clock import system_now
from driftloop.errors import ExitCode, UserError
from driftloop.processor import Outgoing
from driftloop.spec.model_source import ModelSource
from driftloop.testing.records import START_MS, FakeRecord

_LINES = {".jsonl", ".ndjson", ".txt", ".log"}
_OF_KCAT = {"topic", "partition", "offset", "tstype", "ts", "headers", "key", "payload", "payload_base64", "broker"}


@dataclass(slots=True)
class Tried:
    """One record: the messages that it becomes, or the reason why it becomes none."""

    number: int
    messages: list[Outgoing] = field(default_factory=list)
    reason: str | None = None
    passed_over: str | None = None

    def facts(self) -> dict[str, Any]:
        """For a script."""
        shown = [{"topic": m.topic, "key": m.key, "value": json.loads(m.value)} for m in self.messages]
        return {
            "record": self.number, "messages": shown, "reason": self.reason, "passed_over": self.passed_over
        }  # fmt: skip

    def lines(self) -> list[str]:
        """For a person."""
        lines = [f"record {self.number}: {m.topic} {m.value.decode()}" for m in self.messages]
        if self.passed_over:
            lines.append(f"record {self.number}: passed over ({self.passed_over})")
        if self.reason:
            lines.append(f"record {self.number}: refused: {self.reason}")
        return lines or [f"record {self.number}: no rows"]


def sample_records(file: Path, limit: int) -> list[FakeRecord]:
    """The records of a sample; raises UserError if the file is not there or a line is no record."""
    if not file.is_file():
        raise UserError(f"There is no file {file}.", ExitCode.NOT_FOUND)
    data = file.read_bytes()
    if file.suffix not in _LINES:
        return [FakeRecord("sample", value=data)]
    lines = [line for line in data.splitlines() if line.strip()][:limit]
    return [_record(line, number) for number, line in enumerate(lines)]


def tried(source: ModelSource, records: Sequence[FakeRecord], registry: str | None) -> list[Tried]:
    """What becomes of each record; of requests and responses, what becomes of them together at the second one."""
    from outcome_ingestion.adapters.foreign_registry import ForeignRegistry
    from outcome_ingestion.adapters.registry_client import RegistryAddress, RegistryClient
    from outcome_ingestion.core.translate.translating import Translator

    find = ForeignRegistry(RegistryClient(RegistryAddress(registry, retry_seconds=5.0))) if registry else None
    translator = Translator(source, find)
    found = []
    for number, record in enumerate(records):
        done = translator.translate(record)
        reason = f"{done.refusal.error_class}: {done.refusal.sentence}" if done.refusal else None
        found.append(Tried(number, done.messages, reason, ", ".join(dict.fromkeys(done.passed_over)) or None))
    return list(_paired(found)) if source.in_halves else found


def _paired(found: list[Tried]) -> Iterator[Tried]:
    from outcome_ingestion.core.translate.pairing import Pair

    pair = Pair()
    for one in found:
        halves = [FakeRecord(m.topic, key=m.key, value=m.value, at_offset=one.number) for m in one.messages]
        effects = pair.process(halves, system_now())
        reason = next((letter.message for letter in effects.dead_letters), one.reason)
        passed_over = ", ".join(effects.ignored) or one.passed_over
        if halves and not effects.outgoing and reason is None and passed_over is None:
            passed_over = "waits for its other half"
        yield Tried(one.number, list(effects.outgoing), reason, passed_over)


def _record(line: bytes, number: int) -> FakeRecord:
    try:
        given = json.loads(line)
    except ValueError:
        return FakeRecord("sample", value=line, at_offset=number)
    if not isinstance(given, dict) or not given.keys() <= _OF_KCAT or not {"payload", "payload_base64"} & given.keys():
        return FakeRecord("sample", value=line, at_offset=number)
    return FakeRecord(
        str(given.get("topic", "sample")),
        key=given.get("key"),
        value=_payload(given),
        headers=tuple(_headers(given.get("headers"))),
        at_partition=int(given.get("partition", 0)),
        at_offset=int(given.get("offset", number)),
        at_ms=int(given.get("ts", START_MS)),
    )


def _payload(given: dict[str, Any]) -> bytes | str | None:
    if "payload_base64" in given:
        return base64.b64decode(given["payload_base64"])
    payload = given["payload"]
    return payload if payload is None or isinstance(payload, str) else json.dumps(payload)


def _headers(given: Any) -> Iterator[tuple[str, bytes]]:
    """kcat writes names and values one after the other."""
    if isinstance(given, dict):
        given = [part for pair in given.items() for part in pair]
    for name, value in zip((given or [])[::2], (given or [])[1::2], strict=False):
        yield str(name), str(value).encode()
