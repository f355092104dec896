"""Packed files, told by their first bytes: a name may lie, or have no ending."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

import pyarrow as pa

from driftloop.errors import ExitCode, UserError

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_WORKBOOK = ("xl/", "content.xml")
"""Members that only a spreadsheet has."""


def packing_of(head: bytes) -> str | None:
    """How a file that begins with `head` is packed.

    >>> packing_of(b"\\x1f\\x8b\\x08"), packing_of(b"a,b")
    ('gzip', None)
    """
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


@contextmanager
def unpacked(file: IO[bytes], packing: str | None, name: str) -> Iterator[IO[bytes]]:
    """The bytes inside; raises UserError where they are broken, or where there is not one table in them."""
    try:
        with _opened(file, packing, name) as inside:
            yield inside
    except (EOFError, zipfile.BadZipFile, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise UserError(f"{name} is cut off or broken: it cannot be unpacked ({packing}).", ExitCode.USAGE) from error
    except OSError as error:
        if packing is None:
            raise
        raise UserError(f"{name} is cut off or broken: it cannot be unpacked ({packing}).", ExitCode.USAGE) from error


def _opened(file: IO[bytes], packing: str | None, name: str) -> IO[bytes]:
    match packing:
        case "gzip":
            return cast(IO[bytes], gzip.GzipFile(fileobj=file))
        case "bz2":
            return bz2.BZ2File(file)
        case "xz":
            return lzma.LZMAFile(file)
        case "zstd" | "lz4":
            return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(file, "r"), packing))
        case "zip":
            return _member(file, name)
    return file


def _member(file: IO[bytes], name: str) -> IO[bytes]:
    packed = zipfile.ZipFile(file)
    members = [one for one in packed.infolist() if not one.is_dir() and not _is_clutter(one.filename)]
    if any(one.filename.startswith(_WORKBOOK) for one in members):
        raise UserError(f"{name} is a spreadsheet: save the sheet as CSV and name that file.", ExitCode.USAGE)
    if len(members) != 1:
        raise UserError(f"{name} holds {len(members)} files: unpack it and name one of them.", ExitCode.USAGE)
    if members[0].flag_bits & 1:
        raise UserError(f"{name} is locked with a password: unpack it first.", ExitCode.USAGE)
    return packed.open(members[0])


def _is_clutter(member: str) -> bool:
    return member.startswith("__MACOSX/") or member.rsplit("/", 1)[-1].startswith(".")
