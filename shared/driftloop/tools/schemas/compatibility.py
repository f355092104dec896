"""Whether a newer JSON Schema accepts all that an older one accepted.

Why a checker of our own: it answers in sentences, and it knows the dozen keywords that the
contracts use. It errs on the safe side: a keyword that it does not know must not change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_NOTES = {"title", "description", "default", "examples", "$schema", "$id", "$defs", "deprecated"}
_STRUCTURE = {"properties", "required", "additionalProperties", "patternProperties", "items", "prefixItems", "anyOf"}
_CHOICES = {"type", "enum", "const", "$ref", "propertyNames"}
_MINIMA = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MAXIMA = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_KNOWN = _NOTES | _STRUCTURE | _CHOICES | {*_MINIMA, *_MAXIMA}

_SEMANTIC = r"^\d+\.\d+\.\d+$"
_WIDER = {_SEMANTIC: r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}$"}
"""Pattern → one that accepts all that it accepts (a property test holds that): versions of others' models."""


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a message that was valid under `old` may trip over in `new`; empty when nothing.

    >>> breaks({"type": "object"}, {"type": "object", "required": ["id"]})
    ['(root): id is required now']
    """
    return list(_Comparison(old, new).compare(old, new, "(root)"))


class _Comparison:
    """Two documents, so that references are followed in the right one."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._entered: set[tuple[str, str]] = set()

    def compare(self, old: Any, new: Any, where: str) -> Iterator[str]:
        """Sentences on what `new` refuses and `old` did not."""
        if new in (True, {}):
            return
        if new is False or old in (True, {}) or old is False:
            yield from [] if old is False else [f"{where}: it takes less than before"]
            return
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if any(references) and references in self._entered:
            return
        self._entered.add(references)
        yield from self._compare_resolved(_resolve(self._old, old), _resolve(self._new, new), where)
        self._entered.discard(references)

    def _compare_resolved(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        if "anyOf" in new and "properties" in new:
            plain = [{name: part for name, part in one.items() if name != "anyOf"} for one in (old, new)]
            yield from self._compare_resolved(plain[0], plain[1], where)
            yield from self._alternatives(old, {"anyOf": new["anyOf"]}, where)
            return
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(old, new, where)
            return
        yield from _kinds(old, new, where)
        yield from _choices(old, new, where)
        yield from _limits(old, new, where)
        yield from self._object(old, new, where)
        yield from self._array(old, new, where)
        for keyword in sorted(new.keys() - _KNOWN):
            if not _takes(new[keyword], old.get(keyword)):
                yield f"{where}: {keyword} is {new[keyword]!r} now, it was {old.get(keyword)!r}"

    def _alternatives(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        offered = new.get("anyOf", [new])
        for option in old.get("anyOf", [old]):
            tried = [list(self.compare(option, candidate, where)) for candidate in offered]
            if all(tried):
                yield min(tried, key=len)[0] if len(tried) == 1 else f"{where}: {_short(option)} is refused now"

    def _object(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{where}: {name} is required now"
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in after:
            was = before.get(name, old.get("additionalProperties", True) if not _is_open(old) else None)
            if was is not None:
                yield from self.compare(was, after[name], f"{where}.{name}" if where != "(root)" else name)
        for name in before:
            if name not in after and new.get("additionalProperties", True) is False:
                yield f"{where}: {name} is refused now"
        if "propertyNames" in new:
            yield from self.compare(old.get("propertyNames", True), new["propertyNames"], f"{where} (names)")
        rest_old, rest_new = old.get("additionalProperties", True), new.get("additionalProperties", True)
        yield from self.compare(rest_old, rest_new, f"{where} (values)")
        yield from self._patterns(old.get("patternProperties", {}), new.get("patternProperties", {}), where)

    def _patterns(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        pairs = [(was, now) for was in old for now in new if _takes(now, was)]
        if len(pairs) != max(len(old), len(new)):
            yield f"{where}: the pattern of its names changed"
            return
        for was, now in pairs:
            yield from self.compare(old[was], new[now], f"{where} (values)")

    def _array(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        if "items" in new:
            yield from self.compare(old.get("items", True), new["items"], f"{where}[]")
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            yield f"{where}: it has {len(after)} places now, it had {len(before)}"
        for place, (was, now) in enumerate(zip(before, after, strict=False)):
            yield from self.compare(was, now, f"{where}[{place}]")


def _takes(now: Any, was: Any) -> bool:
    """Whether a keyword's value takes at least what its old one took."""
    if now == was or (isinstance(was, str) and _WIDER.get(was) == now):
        return True
    if isinstance(now, list) and isinstance(was, list):
        return all(any(_rule_takes(rule, other) for other in was) for rule in now)
    return False


def _rule_takes(now: Any, was: Any) -> bool:
    """Whether a condition of `allOf` asks for no more than another did: in fewer cases, or for less.

    >>> was = {"if": {"enum": ["a", "b"]}, "then": {"const": 1}}
    >>> _rule_takes({"if": {"const": "a"}, "then": {"enum": [1, 2]}}, was), _rule_takes({**was, "if": {}}, was)
    (True, False)
    """
    if not (isinstance(now, dict) and isinstance(was, dict)) or now == was:
        return bool(now == was)
    chosen, choices = (one.get("enum", [one["const"]] if "const" in one else None) for one in (now, was))
    if chosen is not None and choices is not None:
        return set(choices) <= set(chosen)
    same = now.keys() == was.keys()
    return same and all(_rule_takes(*((was[k], now[k]) if k == "if" else (now[k], was[k]))) for k in now)


def _is_open(schema: Schema) -> bool:
    """Whether unknown properties pass unread: readers ignore them, so a name may gain a meaning."""
    return schema.get("additionalProperties", True) is True


def _resolve(document: Schema, node: Schema) -> Schema:
    while "$ref" in node:
        node = document["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return node


def _kinds(old: Schema, new: Schema, where: str) -> Iterator[str]:
    if "type" not in new:
        return
    taken = {new["type"]} | ({"integer"} if new["type"] == "number" else set())
    if old.get("type") not in taken:
        yield f"{where}: it takes {new['type']} now, it took {old.get('type', 'anything')}"


def _choices(old: Schema, new: Schema, where: str) -> Iterator[str]:
    allowed = new.get("enum", [new["const"]] if "const" in new else None)
    if allowed is None:
        return
    before = old.get("enum", [old["const"]] if "const" in old else None)
    gone = ["anything else"] if before is None else [choice for choice in before if choice not in allowed]
    if gone:
        yield f"{where}: {', '.join(map(str, gone))} is refused now"


def _limits(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for keywords, direction in ((_MINIMA, 1), (_MAXIMA, -1)):
        for keyword in keywords:
            was, now = old.get(keyword), new.get(keyword)
            if now is not None and (was is None or now * direction > was * direction):
                yield f"{where}: {keyword} is {now} now, it was {'not limited' if was is None else was}"


def _short(option: Any) -> str:
    if isinstance(option, Mapping):
        return str(option.get("type") or option.get("$ref", "").removeprefix("#/$defs/") or "an alternative")
    return str(option)
