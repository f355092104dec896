"""Fixtures for tests of the wire."""

import json
from typing import Any

import pytest
from fastavro import read, write


@pytest.fixture
def json_text_in_avro(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teaches fastavro the logical type of values that travel as JSON text."""

    def dumps(value: Any, _schema: object = None) -> str:
        return json.dumps(value)

    def loads(text: str, _writer: object = None, _reader: object = None) -> Any:
        return json.loads(text)

    monkeypatch.setitem(write.LOGICAL_WRITERS, "string-json", dumps)
    monkeypatch.setitem(read.LOGICAL_READERS, "string-json", loads)
