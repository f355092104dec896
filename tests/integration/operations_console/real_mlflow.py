"""A real MLflow server (3.17.2), in an environment of its own: it wants another pyarrow than we do.

Off unless DRIFTLOOP_MLFLOW is set, as CI sets it: `1` has the server installed once (0.9 GB) under the user's cache, a
path names the Python of an environment that has it, and an address a server that runs and is empty.
"""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.environments import NotInstalledError, environment

ASKED = os.environ.get("DRIFTLOOP_MLFLOW", "")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Without jobs: eight processes for evaluations that nobody asks for, 30 s of a core before the first answer."""


def python() -> Path:
    """The Python of an environment with the server."""
    try:
        return environment("mlflow") / "bin" / "python" if ASKED == "1" else Path(ASKED)
    except NotInstalledError as error:
        pytest.skip(f"MLflow cannot be installed: {error}")


@contextmanager
def real_mlflow(folder: Path) -> Iterator[str]:
    """The address of a server over an empty database in a folder."""
    if ASKED.startswith("http"):
        yield ASKED
        return
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        python(), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, **QUIET},
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, server)
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 240
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            assert server.poll() is None, "MLflow did not start"
            assert time.monotonic() < deadline, "MLflow did not start in time"
            time.sleep(0.2)
        else:
            return
