"""Sets up the logs of a process: JSON lines for machines, colours for a terminal, always on stderr."""

import logging
import re
import sys
import time
from typing import Literal, TextIO, cast

import structlog

LogFormat = Literal["json", "console"]

_SAME_EVERY_S = 10.0
_MOST_REMEMBERED = 1_000
_VARYING = re.compile(r"#(producer|consumer)-\d+|\d+ms")
"""What differs between two sentences of the client that say the same."""


def configure_logs(service: str, *, format: LogFormat | None = None, level: str = "INFO") -> None:  # noqa: A002
    """Log to stderr from now on; `format=None` takes console on a terminal and JSON elsewhere."""
    chosen = format or ("console" if sys.stderr.isatty() else "json")
    renderer = structlog.dev.ConsoleRenderer() if chosen == "console" else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    for name, event in (("driftloop.kafka.client", "kafka client"), ("opentelemetry", "telemetry")):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [_ToStructlog(event)], False
        library.setLevel(logging.WARNING)


class _Stderr:
    """What stderr is when a line is written, which need not be what it was when logs were set up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _ToStructlog(logging.Handler):
    """Sends the Kafka client's own words on, the same ones at most every ten seconds.

    While its broker is away a client says so at every attempt of every connection, fifty times a second.
    """

    def __init__(self, event: str) -> None:
        super().__init__()
        self._event = event
        self._said: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line, with how often the same was held back since the last one."""
        words, now = record.getMessage(), time.monotonic()
        same = _VARYING.sub("", words)
        said_at, held = self._said.get(same, (-_SAME_EVERY_S, 0))
        if now - said_at < _SAME_EVERY_S:
            self._said[same] = said_at, held + 1
            return
        if len(self._said) >= _MOST_REMEMBERED:
            self._said.clear()
        self._said[same] = now, 0
        repeated = {"repeated": held} if held else {}
        structlog.get_logger().log(record.levelno, self._event, words=words, **repeated)
