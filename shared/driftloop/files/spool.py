"""A file's text as UTF-8 with plain line ends, in a temporary file that DuckDB can read at full speed."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from driftloop.errors import ExitCode, UserError
from driftloop.files.encodings import first_guess, shown, western
from driftloop.files.packing import packing_of, unpacked
from driftloop.files.sources import Source

CHUNK = 1 << 20
SAMPLE_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Spooled:
    """`sample` is the beginning of the text, `whole` whether that is all of it."""

    path: Path
    sample: str
    whole: bool
    encoding: str
    packing: str | None


def head_of(source: Source) -> tuple[bytes, str | None]:
    """The first bytes after unpacking, and the packing."""
    with source.opened() as file:
        magic = file.read(8)
        packing = packing_of(magic)
    with source.opened() as file, unpacked(file, packing, source.name) as inside:
        return inside.read(4096), packing


def spool(source: Source, encoding: str | None, folder: Path) -> Spooled:
    """Write the source's text into a new file of `folder`; raises UserError where it is no text."""
    head, packing = head_of(source)
    chosen = encoding or first_guess(head)
    path = folder / f"part-{len(list(folder.iterdir())):05d}"
    try:
        sample, whole = _copy(source, packing, chosen, path)
    except UnicodeDecodeError as error:
        if encoding is not None or chosen != "utf-8":
            raise UserError(
                f"{source.name} is not {shown(chosen)} throughout: name another with --encoding.", ExitCode.USAGE
            ) from error
        chosen = _western(source, packing)
        sample, whole = _copy(source, packing, chosen, path)
    if "\x00" in sample:
        raise UserError(f"{source.name} is no table: it holds bytes that are no text.", ExitCode.USAGE)
    return Spooled(path, sample, whole, shown(chosen), packing)


def _copy(source: Source, packing: str | None, encoding: str, path: Path) -> tuple[str, bool]:
    sample: list[str] = []
    kept = 0
    with path.open("wb") as target:
        for text in _plain_lines(_texts(source, packing, encoding)):
            target.write(text.encode("utf-8", errors="surrogatepass"))
            if kept < SAMPLE_CHARACTERS:
                sample.append(text)
            kept += len(text)
    joined = "".join(sample)
    return joined, kept == len(joined)


def _texts(source: Source, packing: str | None, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    with source.opened() as file, unpacked(file, packing, source.name) as inside:
        while chunk := inside.read(CHUNK):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


def _plain_lines(texts: Iterator[str]) -> Iterator[str]:
    """`\\r\\n` as `\\n`, and `\\r` too where a file has nothing else (old Macs)."""
    held, only_returns = "", None
    for part in texts:
        text = held + part
        held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r") if held else text
        if only_returns is None and ("\n" in text or "\r" in text):
            only_returns = "\n" not in text
        yield text.replace("\r\n", "\n").replace("\r", "\n") if only_returns else text.replace("\r\n", "\n")
    if held:
        yield "\n"


def _western(source: Source, packing: str | None) -> str:
    with source.opened() as file, unpacked(file, packing, source.name) as inside:
        seen: set[int] = set()
        while chunk := inside.read(CHUNK):
            seen |= set(chunk)
    return western(bytes(seen))
