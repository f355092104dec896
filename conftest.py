"""Examples in docstrings are tests. A file that holds none of the tests that are asked for need not be imported."""

from pathlib import Path

import pytest

_SOURCE = ("services", "shared")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over files that hold no test of those asked for: importing all of them is what collecting takes long for.

    Those are modules without an example and, where only slow tests are asked for, files that do not name the mark.
    """
    if collection_path.suffix != ".py":
        return None
    inside = collection_path.relative_to(config.rootpath).parts
    text = collection_path.read_text(encoding="utf-8")
    if inside[0] in _SOURCE or not collection_path.name.startswith("test_"):
        return None if ">>> " in text and not _slow_only(config) else True
    return True if _slow_only(config) and "slow" not in text else None


def _slow_only(config: pytest.Config) -> bool:
    """An example in a docstring has no marks."""
    return str(config.option.markexpr).endswith("and slow")
