import errno
from pathlib import Path

import pytest

from driftloop.kafka.embedded import class_cache as module
from driftloop.kafka.embedded.class_cache import class_cache


@pytest.fixture
def java(tmp_path, monkeypatch):
    """A Java that makes no cache, in a cache folder of its own."""
    binary = tmp_path / "bin" / "java"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\nexit 1\n")
    binary.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "java", lambda: binary)
    monkeypatch.setattr(module, "format_data", lambda _folder, _class_path, version: None)
    return binary


def test_a_java_that_makes_no_cache_is_asked_once_and_goes_without(java):
    said = []
    assert class_cache("a.jar", (), said.append) == ()
    assert class_cache("a.jar", (), said.append) == ()
    assert said == ["Preparing Kafka for quick starts (this once) ..."]


def test_other_jars_have_a_cache_of_their_own(java):
    said = []
    for jars in ("a.jar", "a.jar:b.jar"):
        class_cache(jars, (), said.append)
    assert len(said) == 2


def test_a_full_disk_means_no_cache_and_leaves_nothing_behind(java, tmp_path, monkeypatch):
    def full(path, _content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    said = []
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert class_cache("a.jar", (), said.append) == ()
    assert "No space left on device" in said[-1]
    assert not list(tmp_path.rglob("*.new"))
    assert class_cache("a.jar", (), said.append) == ()
    assert said[-1].startswith("Preparing"), "it is tried again"
