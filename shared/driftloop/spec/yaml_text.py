"""YAML as people write it; a key that stands twice is refused, where PyYAML would keep the last one silently."""

from typing import Any

import yaml

_KINDS: dict[type, str] = {list: "list", str: "text"}


class _Once(yaml.SafeLoader):
    """Keys of a mapping are unique, as YAML wants them; merged ones (`<<`) are overridden as ever.

    They are looked at as they stand in the text: later on, merged keys stand among the others.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping; raises `yaml.YAMLError` with the line of a key that is there already."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if (key.tag, key.value) in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: the key '{key.value}' stands there twice")
            seen.add((key.tag, key.value))
        return node


def read_yaml(text: str) -> Any:
    """What a text says; raises `yaml.YAMLError`.

    >>> read_yaml("a: 1\\nb: {a: 2}")
    {'a': 1, 'b': {'a': 2}}
    """
    return yaml.load(text, _Once)  # noqa: S506  (a safe loader)


def read_mapping(text: str) -> dict[str, Any]:
    """The keys and values in a text; raises `yaml.YAMLError` with what it holds instead.

    >>> read_mapping("a: 1")
    {'a': 1}
    """
    found = read_yaml(text)
    if isinstance(found, dict):
        return found
    held = "is empty" if found is None else f"holds a {_KINDS.get(type(found), 'single value')}"
    raise yaml.YAMLError(f"it {held}, and keys with values are wanted")
