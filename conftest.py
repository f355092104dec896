"""Examples in docstrings are tests. A file that holds none of the tests that are asked for need not be imported.

Where tests run side by side (`-n 2`), those that share what they start stay with one process.
"""

import gc
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.groups import SECONDS, group_of

_SOURCE = ("services", "shared")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage seldom: a million objects stay from here to the end, and each look at them takes seconds in all.

    A tenth of the time of the quick tests went there. What is imported by the end of collecting is looked at once.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        gc.enable()


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
    return True if _slow_only(config) and not _names_the_mark(text) else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Groups of tests, each for one process."""
    from tests.side_by_side import Groups

    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the groups that take longest first: none is begun when the other processes have nothing left to do."""
    items.sort(key=lambda item: -SECONDS.get(group_of(item.path.relative_to(config.rootpath).as_posix()), 0))
    _hold_to_their_word(items)


def _hold_to_their_word(items: list[pytest.Item]) -> None:
    """Hold what is passed over to what the files say, wherever all of them are read, as in `make check`.

    A test may get the mark from elsewhere (an imported name, a base class, a hook): it would be passed over in silence.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    if odd := [str(path) for path in sorted(slow) if not _names_the_mark(path.read_text(encoding="utf-8"))]:
        raise pytest.UsageError(f"write `slow` into {', '.join(odd)}: where slow tests alone run, it is not read")


def _names_the_mark(text: str) -> bool:
    return "slow" in text


def _slow_only(config: pytest.Config) -> bool:
    """An example in a docstring has no marks."""
    asked = str(config.option.markexpr)
    return asked.endswith("and slow") and not re.search(r"\bor\b", asked)
