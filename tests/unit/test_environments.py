"""An environment of another program that lies in a cache is used only if it is whole and of the packages of today."""

import sys
from pathlib import Path

import pytest
from tests.environments import is_made


@pytest.mark.parametrize(
    ("marker", "python", "right"),
    [("ray of today", True, True), ("", True, False), ("ray of today", False, False), (None, True, False)],
    ids=["whole", "of-an-earlier-release", "its-python-is-gone", "broken-off"],
)
def test_an_old_environment_is_made_anew(tmp_path: Path, marker: str | None, python: bool, right: bool) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable if python else tmp_path / "python3.9")
    if marker is not None:
        (tmp_path / ".installed").write_text(marker)
    assert is_made(tmp_path, "ray of today") is right
