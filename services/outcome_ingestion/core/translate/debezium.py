"""Debezium's change events: a table's rows as they are inserted and updated; all else is passed over and counted.

Why `before` is never read: under the default replica identity Debezium invents it but for the key. Why the time is
`source.ts_ms`: after a crash events come again with another envelope time, and a resend would look like a correction.
"""

from typing import Any

from outcome_ingestion.core.refusal import Refusal

UNAVAILABLE = "__debezium_unavailable_value"
_PASSED = {"d": "debezium_delete", "t": "debezium_truncate", "m": "debezium_message"}
_TRUE = (True, "true")


class PassedOver(Exception):  # noqa: N818  (a fate, not an accident)
    """A record that is right to drop; `reason` is a word to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def change_of(document: Any) -> dict[str, Any]:
    """`{"after", "source", "op"}` of a change, unwrapped or not. Raises `PassedOver` and `Refusal`."""
    if document is None:
        raise PassedOver("debezium_delete")
    if not isinstance(document, dict):
        raise Refusal("decode", "NoChangeEvent", "the record is no change event of Debezium: it is no object")
    if "op" in document and ("after" in document or "before" in document):
        return _enveloped(document)
    return _unwrapped(document)


def _enveloped(document: dict[str, Any]) -> dict[str, Any]:
    op = document["op"]
    if isinstance(op, str) and op in _PASSED:
        raise PassedOver(_PASSED[op])
    if op not in ("r", "c", "u"):
        raise Refusal(
            "decode", "NoChangeEvent", f"the path 'op' holds {str(op)[:40]!r}, and Debezium writes r c u d t m"
        )
    if not isinstance(document.get("after"), dict):
        raise Refusal("decode", "NoChangeEvent", f"the path 'after' of op '{op}' holds no row")
    source = document.get("source")
    return {"op": op, "after": document["after"], "source": source if isinstance(source, dict) else {}}


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """A row as ExtractNewRecordState leaves it: `__deleted` is a text, fields of `add.fields` begin with two bars."""
    if row.get("__deleted") in _TRUE or row.get("__op") == "d":
        raise PassedOver("debezium_delete")
    added = {name: value for name, value in row.items() if name.startswith("__")}
    source = {name.removeprefix("__source_"): value for name, value in added.items() if name.startswith("__source_")}
    after = {name: value for name, value in row.items() if name not in added}
    return {"op": added.get("__op"), "after": after, "source": source}
