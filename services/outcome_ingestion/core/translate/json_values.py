"""JSON as others write it: with NaN and infinities, and texts of any encoding that starts with a mark."""

import json
from typing import Any

import msgspec

_MARK = b"\xef\xbb\xbf"


def read_json(value: bytes) -> Any:
    """The document; NaN and infinities as Python writes them are read. Raises ValueError, RecursionError.

    >>> read_json(b'{"x": NaN}')["x"] != 0
    True
    """
    data = value.removeprefix(_MARK)
    if not data.strip():
        raise ValueError("the value is empty")
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            return json.loads(data)
        except ValueError:
            shown = data[:20].decode("utf-8", "backslashreplace")
            raise ValueError(f"the value is no JSON ({error}); it begins with {shown!r}") from error
