"""YAML as people write it. A key that stands twice is refused, where PyYAML would keep the last one silently; so is a
number that is not finite, which JSON cannot hold: a spec with one would be published with null in its place."""

import math
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from driftloop.errors import ExitCode, UserError

M = TypeVar("M", bound=BaseModel)
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

    def construct_finite(self, node: Any) -> float:
        """A number; raises `yaml.YAMLError` with its line if it is infinite or none."""
        number = float(self.construct_yaml_float(node))
        if not math.isfinite(number):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value} is not finite: give a number that is")
        return number


_Once.add_constructor("tag:yaml.org,2002:float", _Once.construct_finite)


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


def read_file(path: Path, model: type[M], whole: str, *, empty: bool = False, wrong: str = "") -> M:
    """What a file says, as a model; raises UserError with the first thing that is wrong with it.

    `whole` is what the sentence calls the file where no field of it is to blame, `wrong` what it says of a file that is
    none of its kind. One that holds nothing is a model of defaults if it may be `empty`. Raises OSError where the file
    cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return model.model_validate(read_yaml(text) or {} if empty else read_mapping(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or whole
        raise UserError(f"{path}{wrong and ' ' + wrong}: {where}: {first['msg']}.", ExitCode.USAGE) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = str(error).splitlines()[0]
        raise UserError(f"{path} {wrong or 'is not YAML'}: {said}.", ExitCode.USAGE) from error
