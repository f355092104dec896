"""What a record's value is written in: its `content-type` header, JSON where it has none."""

from collections.abc import Sequence
from functools import lru_cache

CONTENT_TYPE = "content-type"
JSON = "application/json"
COLUMNS = "application/vnd.driftloop.columns+json"
ARROW = "application/vnd.apache.arrow.stream"
AVRO = "application/avro"
"""Avro's single-object encoding: two marker bytes, the schema's fingerprint, the datum."""
CONFLUENT_AVRO = "application/vnd.confluent.avro"
"""Avro as Confluent's serializers frame it: a zero byte, the registry's schema id, the datum."""


def content_type(headers: Sequence[tuple[str, bytes]] | None) -> str:
    """The content type of a record, in lower case and without parameters; all of them where headers disagree.

    >>> content_type(None), content_type([("Content-Type", b"application/json; charset=utf-8")])
    ('application/json', 'application/json')
    """
    found = [value for name, value in headers or () if name == CONTENT_TYPE or name.lower() == CONTENT_TYPE]
    if len(found) == 1:
        return _plain(found[0])
    return ", ".join(dict.fromkeys(map(_plain, found))) if found else JSON


@lru_cache(maxsize=64)
def _plain(value: bytes | None) -> str:
    return (value or b"").decode("latin-1").partition(";")[0].strip().lower()


def content_header(kind: str) -> tuple[tuple[str, bytes], ...]:
    """The header that says `kind`."""
    return ((CONTENT_TYPE, kind.encode()),)
