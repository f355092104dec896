"""Other programs that tests run, each in an environment of its own: they want other packages than we do.

An environment is made once and lies under the user's cache, until its packages or this Python change.
`python -m tests.environments ray mlflow` makes them ahead, as CI does.
"""

import fcntl
import hashlib
import os
import platform
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
    made_of = _made_of(name)
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(folder, made_of):
            shutil.rmtree(folder, ignore_errors=True)
            _install(name, folder)
            (folder / ".installed").write_text(made_of, encoding="utf-8")
    return folder


def is_made(folder: Path, made_of: str) -> bool:
    """Whether an environment is whole, of these packages, and its Python is still on the machine."""
    marker = folder / ".installed"
    is_there = marker.is_file() and (folder / "bin" / "python").exists()
    return is_there and marker.read_text(encoding="utf-8") == made_of


def _made_of(name: str) -> str:
    pins = hashlib.sha256(_pins(name).read_bytes()).hexdigest()
    return f"{REQUIREMENTS[name]} of {pins}, Python {platform.python_version()}"


def _pins(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.txt")


def _install(name: str, folder: Path) -> None:
    pins = _pins(name)
    uv, python = shutil.which("uv"), folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), folder])
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    _run([*pip, "--quiet", "-c", pins, REQUIREMENTS[name]])


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NotInstalledError(f"{os.fspath(command[0])}: {said[-1]}")
