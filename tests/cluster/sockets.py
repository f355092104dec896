"""Which of some processes a connection on this machine comes from; from `/proc`, in milliseconds."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_LOCAL, _INODE = 1, 9
"""Columns of the tables of connections."""


def owner_of(port: int, pids: Iterable[int]) -> int | None:
    """The process whose connection has this local port; None where it is none of them."""
    inodes = _inodes(port)
    return next((pid for pid in pids if not inodes.isdisjoint(_sockets(pid))), None)


def _inodes(port: int) -> set[str]:
    wanted, found = f":{port:04X}", set()
    for table in ("tcp", "tcp6"):  # Java's sockets are in the second, whatever the address is
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[_LOCAL].endswith(wanted):
                found.add(f"socket:[{columns[_INODE]}]")
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(OSError):  # it has ended
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(file.readlink()))
    return found
