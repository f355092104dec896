"""Whether a reader with a newer Avro schema reads what an older one wrote.

The rules are those of schema resolution in the Avro 1.11 specification, names apart: a contract's
class may be renamed, its fields may not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def avro_breaks(old: Any, new: Any) -> list[str]:
    """What `new` cannot read of what `old` wrote, in sentences; empty when nothing.

    >>> avro_breaks("long", "double"), avro_breaks("double", "long")
    ([], ['(root): it is long now, it was double'])
    """
    return list(_compare(old, new, "(root)", (_named(old, {}), _named(new, {}))))


def _named(schema: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Every record of a schema by its full name."""
    if isinstance(schema, list):
        for branch in schema:
            _named(branch, found)
    elif isinstance(schema, Mapping):
        if schema["type"] == "record":
            found[f"{schema['namespace']}.{schema['name']}" if "namespace" in schema else schema["name"]] = schema
        for part in (*(field["type"] for field in schema.get("fields", ())), schema.get("items"), schema.get("values")):
            _named(part, found)
    return found


def _compare(old: Any, new: Any, where: str, names: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[str]:
    old = names[0].get(old, old) if isinstance(old, str) else old
    new = names[1].get(new, new) if isinstance(new, str) else new
    if isinstance(old, list):
        for branch in old:
            yield from _compare(branch, new, where, names)
    elif isinstance(new, list):
        if all(list(_compare(old, branch, where, names)) for branch in new):
            yield f"{where}: {_kind(old)} is refused now"
    elif _kind(old) != _kind(new):
        if _kind(new) not in _PROMOTIONS.get(_kind(old), set()) or _logical(old) != _logical(new):
            yield f"{where}: it is {_kind(new)} now, it was {_kind(old)}"
    elif _logical(old) != _logical(new):
        yield f"{where}: it means {_logical(new)} now, it meant {_logical(old)}"
    elif _kind(new) == "record":
        yield from _compare_records(old, new, where, names)
    elif _kind(new) in ("array", "map"):
        part = "items" if _kind(new) == "array" else "values"
        yield from _compare(old[part], new[part], f"{where}[]", names)


def _compare_records(
    old: Mapping[str, Any], new: Mapping[str, Any], where: str, names: tuple[dict[str, Any], dict[str, Any]]
) -> Iterator[str]:
    written = {field["name"]: field for field in old["fields"]}
    for field in new["fields"]:
        place = field["name"] if where == "(root)" else f"{where}.{field['name']}"
        if field["name"] in written:
            yield from _compare(written[field["name"]]["type"], field["type"], place, names)
        elif "default" not in field:
            yield f"{place} is new and has no default"


def _kind(schema: Any) -> str:
    kind = schema["type"] if isinstance(schema, Mapping) else schema
    return str(kind)


def _logical(schema: Any) -> str | None:
    return schema.get("logicalType") if isinstance(schema, Mapping) else None
