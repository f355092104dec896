"""Other programs that tests run, each in an environment of its own: they want other packages than we do.

An environment is made once and lies under the user's cache. `python -m tests.environments ray mlflow` makes them ahead,
as CI does.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from driftloop.kafka.embedded.runtime_jars import cache_folder

REQUIREMENTS = {"mlflow": "mlflow==3.17.2", "ray": "ray[default]==2.60.0"}
"""By name: what is asked for. `NAME.txt` beside this file pins what comes with it."""


class NotInstalledError(Exception):
    """An environment could not be made; the text says why."""


def environment(name: str) -> Path:
    """The folder of an environment, made if it is not there (minutes); raises NotInstalledError.

    With `uv` on the path it takes a quarter of the time that pip needs.
    """
    folder = cache_folder() / f"{name}-{REQUIREMENTS[name].partition('==')[2]}"
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".installed").exists():
            _install(name, folder)
            (folder / ".installed").touch()
    return folder


def _install(name: str, folder: Path) -> None:
    pins = Path(__file__).with_name(f"{name}.txt")
    uv, python = shutil.which("uv"), folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), folder])
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    _run([*pip, "--quiet", "-c", pins, REQUIREMENTS[name]])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotInstalledError(f"{os.fspath(command[0])}: {said[-1]}")
