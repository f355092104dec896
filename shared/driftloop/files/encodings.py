"""Which characters a file's bytes are.

UTF-8 is the only encoding that can be proven; a file that is not UTF-8 has no mark and no zeros
is taken for Western European (Windows' cp1252 where it has bytes that Latin-1 leaves out).
"""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16", "iso8859-1": "latin-1", "ascii": "utf-8"}
UNDEFINED_IN_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


def first_guess(head: bytes) -> str:
    """The encoding that a byte-order mark or zeros tell; else UTF-8, which the rest of the file may disprove.

    >>> first_guess(b"a\\x00,\\x00b\\x00"), first_guess("ä,b".encode("utf-8-sig")), first_guess(b"a,b")
    ('utf-16-le', 'utf-8-sig', 'utf-8')
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    if pairs and head[1 : 2 * pairs : 2].count(0) > 0.4 * pairs:
        return "utf-16-le"
    if pairs and head[0 : 2 * pairs : 2].count(0) > 0.4 * pairs:
        return "utf-16-be"
    return "utf-8"


def western(data: bytes) -> str:
    """What to take bytes for that are not UTF-8.

    >>> western("Größe".encode("latin-1")), western("5 €".encode("cp1252"))
    ('latin-1', 'cp1252')
    """
    high = {byte for byte in data if 0x80 <= byte <= 0x9F}
    return "cp1252" if high and not high & UNDEFINED_IN_CP1252 else "latin-1"


def shown(encoding: str) -> str:
    """The name that a person knows.

    >>> shown("utf-8-sig"), shown("ISO-8859-1")
    ('utf-8', 'latin-1')
    """
    name = codecs.lookup(encoding).name
    return _NAMES.get(name, name)
