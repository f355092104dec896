"""A real schema registry: Apicurio from Maven, started on the Java runtime that the embedded broker has."""

import fcntl
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftloop.kafka.embedded.runtime_jars import cache_folder, java

VERSION = "2.6.13.Final"
_START_SECONDS = 120.0


@pytest.fixture(scope="session")
def schema_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Confluent's API. Skipped with a word where the registry cannot be downloaded."""
    folder = _registry()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1"]
    with (tmp_path_factory.mktemp("registry") / "log").open("wb") as log:
        jar = f"apicurio-registry-app-{VERSION}-runner.jar"
        process = subprocess.Popen([str(java()), *options, "-jar", jar], cwd=folder, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    try:
        _await(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def _registry() -> Path:
    folder = cache_folder() / f"apicurio-{VERSION}"
    with (cache_folder() / "apicurio.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            fresh = folder.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            with tarfile.open(_download()) as archive:
                # Debian 12's Python 3.11.2 has no filters yet
                safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                archive.extractall(fresh, **safely)
            fresh.rename(folder)
    return folder


def _download() -> Path:
    try:
        java()
        from jgo.maven import MavenContext

        version = MavenContext(timeout=300).project("io.apicurio", "apicurio-registry-app").at_version(VERSION)
        found: Path = version.artifact(classifier="all", packaging="tar.gz").resolve()
    except Exception as error:  # noqa: BLE001  (whatever keeps it away)
        pytest.skip(f"the schema registry could not be downloaded: {str(error)[:200]}")
    return found


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, "the registry ended while starting"
        try:
            urllib.request.urlopen(f"{url}/subjects", timeout=5).close()
        except (OSError, urllib.error.URLError):
            assert time.monotonic() < deadline, "the registry did not answer in time"
            time.sleep(0.1)
        else:
            return
