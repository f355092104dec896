"""Records without Kafka."""

from dataclasses import dataclass

from driftloop.testing.clock import START

START_MS = int(START.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """A record as a core sees it.

    >>> FakeRecord("outcome-frames", key=b"plant", value=b"x", at_offset=7).offset()
    7
    """

    on_topic: str
    key_: bytes | None = None
    value_: bytes | None = None
    headers_: tuple[tuple[str, bytes], ...] = ()
    at_partition: int = 0
    at_offset: int = 0
    at_ms: int = START_MS

    def __init__(
        self,
        topic: str,
        *,
        key: bytes | str | None = None,
        value: bytes | str | None = None,
        headers: tuple[tuple[str, bytes], ...] = (),
        at_partition: int = 0,
        at_offset: int = 0,
        at_ms: int = START_MS,
    ) -> None:
        """Text is encoded as UTF-8."""
        for name, content in {
            "on_topic": topic,
            "key_": key.encode() if isinstance(key, str) else key,
            "value_": value.encode() if isinstance(value, str) else value,
            "headers_": headers,
            "at_partition": at_partition,
            "at_offset": at_offset,
            "at_ms": at_ms,
        }.items():
            object.__setattr__(self, name, content)

    def topic(self) -> str:
        """The topic's name."""
        return self.on_topic

    def partition(self) -> int:
        """The partition's number."""
        return self.at_partition

    def offset(self) -> int:
        """The place in the partition."""
        return self.at_offset

    def key(self) -> bytes | None:
        """The key's bytes."""
        return self.key_

    def value(self) -> bytes | None:
        """The value's bytes; None is a tombstone."""
        return self.value_

    def headers(self) -> list[tuple[str, bytes]] | None:
        """The headers, or None where there are none, as Kafka's client has it."""
        return list(self.headers_) or None

    def timestamp(self) -> tuple[int, int]:
        """(1, milliseconds since 1970): the time of creation."""
        return 1, self.at_ms
