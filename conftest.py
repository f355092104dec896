"""Examples in docstrings are tests; a module without one need not be imported to look for them."""

from pathlib import Path

import pytest

_SOURCE = ("services", "shared")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over source files that hold no example: importing all of them is what collecting spends its time on."""
    if collection_path.suffix != ".py":
        return None
    inside = collection_path.relative_to(config.rootpath).parts
    return True if inside[0] in _SOURCE and ">>> " not in collection_path.read_text(encoding="utf-8") else None
