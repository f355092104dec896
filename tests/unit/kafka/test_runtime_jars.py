from pathlib import Path
from types import SimpleNamespace

import jgo
import pytest

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.embedded.runtime_jars import class_path


@pytest.fixture
def resolver(monkeypatch, tmp_path):
    """A download that breaks off `failures` times before it brings a jar; how often it was begun."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jar = tmp_path / "log4j-slf4j-impl.jar"
    jar.touch()
    begun: list[str] = []

    def break_off(failures: int) -> list[str]:
        def build(endpoint: str) -> SimpleNamespace:
            begun.append(endpoint)
            if len(begun) <= failures:
                raise ConnectionError("Read timed out.")
            return SimpleNamespace(all_jars=[Path(jar)])

        monkeypatch.setattr(jgo, "build", build)
        return begun

    return break_off


def test_a_download_that_breaks_off_is_tried_again_and_remembered(resolver):
    begun, said = resolver(1), []
    found = class_path(said.append)
    assert "log4j-slf4j-impl.jar" in found
    assert any("Read timed out" in line and "Once more" in line for line in said)
    count = len(begun)
    assert class_path(said.append) == found
    assert len(begun) == count


def test_a_download_that_never_comes_ends_in_one_sentence(resolver):
    resolver(99)
    with pytest.raises(UserError, match=r"could not be downloaded \(Read timed out\.\)") as raised:
        class_path(lambda _: None)
    assert raised.value.exit_code == ExitCode.BROKER_AWAY
