"""What can be read once only, or not from the middle: pipes (`<(zcat …)`, `mkfifo`), standard input, and the web.

A table is looked at before it is read, and Parquet is read from its end, so that the bytes are kept in a temporary file
for as long as they are needed. A file of the web that is replaced meanwhile is one file all the same.
"""

import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from driftloop.errors import ExitCode, UserError

STDIN = "-"
_GONE = (404, 410)


def is_piped(address: str) -> bool:
    """Whether an address is `-`, or a path that is no file and no folder."""
    if address == STDIN:
        return True
    try:
        mode = Path(address).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def is_on_the_web(address: str) -> bool:
    """Whether an address is one file of the web."""
    return address.lower().startswith(("http://", "https://")) and not address.endswith("/")


class Kept:
    """All bytes of a pipe or of a file of the web. `open` may be called any number of times; the file is gone with the
    object. Raises UserError where they cannot be had."""

    def __init__(self, address: str) -> None:
        self._kept = tempfile.NamedTemporaryFile(prefix="driftloop-")  # noqa: SIM115  (closed with the object)
        reader = _standard_input if address == STDIN else _web if is_on_the_web(address) else _pipe
        with reader(address) as source:
            shutil.copyfileobj(source, self._kept)
        self._kept.flush()

    def open(self) -> IO[bytes]:
        """The bytes from their beginning."""
        return Path(self._kept.name).open("rb")


@contextmanager
def _standard_input(_: str) -> Iterator[IO[bytes]]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("Nothing is piped in: write `… | driftloop … -`, or name a file.", ExitCode.USAGE)
    yield sys.stdin.buffer


@contextmanager
def _pipe(address: str) -> Iterator[IO[bytes]]:
    try:
        with Path(address).open("rb") as pipe:
            yield pipe
    except PermissionError as error:
        raise UserError(f"{address} may not be read: you lack the permission.", ExitCode.ERROR) from error


@contextmanager
def _web(address: str) -> Iterator[Any]:
    import fsspec

    try:
        from aiohttp import ClientError
    except ImportError as error:
        raise UserError(
            f"{address} cannot be opened: install aiohttp, or download it first.", ExitCode.USAGE
        ) from error
    try:
        with fsspec.open(address, "rb", block_size=0) as file:
            yield file
    except (FileNotFoundError, TimeoutError, ClientError) as error:
        # fsspec says that there is no file where a server is away, refuses or fails: the cause tells which.
        cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        if isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) in _GONE:
            raise UserError(f"There is no file {address}.", ExitCode.NOT_FOUND) from error
        raise UserError(f"{address} cannot be read: {_reason(cause)}.", ExitCode.ERROR) from error


def _reason(error: BaseException) -> str:
    """What the server said, or why there was none."""
    status = getattr(error, "status", None)
    if status is not None:
        return f"the server says {status} {getattr(error, 'message', '')}".rstrip()
    if isinstance(error, TimeoutError):
        return "the server does not answer"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
