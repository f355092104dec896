"""The code of the product as Python reads it."""

import ast
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def trees_of_the_product() -> list[tuple[Path, ast.Module]]:
    """Each file of the services and of what they share, parsed."""
    paths = [path for folder in ("services", "shared") for path in sorted((_ROOT / folder).rglob("*.py"))]
    with _no_collection():
        return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Looking for garbage among a million nodes, none of which is any, takes twice as long as parsing does."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
