"""What can be read once only: standard input, and pipes as a shell gives them (`<(zcat …)`, `mkfifo`).

A table is looked at before it is read, so that its bytes are kept in a temporary file for as long as they are needed.
"""

import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO

from driftloop.errors import ExitCode, UserError

STDIN = "-"


def is_piped(address: str) -> bool:
    """Whether an address is `-`, or a path that is no file and no folder."""
    if address == STDIN:
        return True
    try:
        mode = Path(address).stat().st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


class Piped:
    """All bytes of a pipe. `open` may be called any number of times; the file is gone with the object."""

    def __init__(self, address: str) -> None:
        self._kept = tempfile.NamedTemporaryFile(prefix="driftloop-")  # noqa: SIM115  (closed with the object)
        if address == STDIN:
            if sys.stdin is None or sys.stdin.isatty():
                raise UserError("Nothing is piped in: write `… | driftloop … -`, or name a file.", ExitCode.USAGE)
            shutil.copyfileobj(sys.stdin.buffer, self._kept)
        else:
            try:
                with Path(address).open("rb") as pipe:
                    shutil.copyfileobj(pipe, self._kept)
            except PermissionError as error:
                raise UserError(f"{address} may not be read: you lack the permission.", ExitCode.ERROR) from error
            except OSError as error:
                raise UserError(f"{address} cannot be read: {error.strerror or error}.", ExitCode.ERROR) from error
        self._kept.flush()

    def open(self) -> IO[bytes]:
        """The bytes from their beginning."""
        return Path(self._kept.name).open("rb")
