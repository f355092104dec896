"""The code of the product as Python reads it."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def trees_of_the_product() -> Iterator[tuple[Path, ast.Module]]:
    """Each file of the services and of what they share, parsed, one after the other.

    A tree that is let go of before the next costs the collection of garbage nothing; all of them are a million objects.
    """
    for folder in ("services", "shared"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))
