"""Sets up the logs of a process: JSON lines for machines, colours for a terminal, always on stderr."""

import logging
import sys
from typing import Literal, TextIO, cast

import structlog

LogFormat = Literal["json", "console"]


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
    client = logging.getLogger("driftloop.kafka.client")
    client.handlers = [_ToStructlog()]
    client.setLevel(logging.WARNING)


class _Stderr:
    """What stderr is when a line is written, which need not be what it was when logs were set up."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _ToStructlog(logging.Handler):
    """Sends the Kafka client's own words on; the client already keeps repetitions down."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        structlog.get_logger().log(record.levelno, "kafka client", words=record.getMessage())
