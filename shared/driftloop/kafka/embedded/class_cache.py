"""Kafka's classes as the Java runtime keeps them once they are loaded and linked: a start takes half of the work.

Made once on a machine, by a broker that does once what a loop asks of it (JEP 483, "ahead-of-time class loading and
linking"). A runtime that cannot make it, or finds that it does not fit any more, goes without; so does one on a full
disk.
"""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException

from driftloop.errors import UserError
from driftloop.kafka.embedded import guard
from driftloop.kafka.embedded.broker_files import format_data, write_logging, write_properties
from driftloop.kafka.embedded.free_port import free_port, listens
from driftloop.kafka.embedded.rehearsal import rehearse
from driftloop.kafka.embedded.runtime_jars import KAFKA_VERSION, Progress, cache_folder, java

_SECONDS = 120.0


def class_cache(
    class_path: str, options: Sequence[str], progress: Progress, version: str = KAFKA_VERSION
) -> tuple[str, ...]:
    """The options that make Java use the cache; none where there is none to be had.

    `options` are those of the broker that will use it: the collector of garbage must be the same.
    """
    try:
        return _class_cache(class_path, options, progress, version)
    except OSError as error:
        progress(f"Kafka's classes cannot be kept ({error}). It starts without them, only slower.")
        return ()


def _class_cache(class_path: str, options: Sequence[str], progress: Progress, version: str) -> tuple[str, ...]:
    file = cache_folder() / f"kafka-{version}-classes-2-{_fingerprint(class_path)}.aot"
    with (cache_folder() / "kafka-classes.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            progress("Preparing Kafka for quick starts (this once) ...")
            fresh = file.with_suffix(".new")
            try:
                fresh.write_bytes(_made(class_path, options, version))
                fresh.replace(file)
            finally:
                fresh.unlink(missing_ok=True)  # half of it is of no use, and a full disk needs the room
    return (f"-XX:AOTCache={file}", "-Xlog:aot*=off") if file.stat().st_size else ()


def _fingerprint(class_path: str) -> str:
    """Of this Java and these jars."""
    release = java().parent.parent / "release"
    of_java = release.read_text() if release.is_file() else str(java())
    return hashlib.sha256(f"{of_java}{class_path}".encode()).hexdigest()[:12]


def _made(class_path: str, options: Sequence[str], version: str) -> bytes:
    """The cache; empty where this Java does not make one, which is not tried again."""
    with tempfile.TemporaryDirectory(prefix="driftloop-kafka-") as scratch:
        folder = Path(scratch)
        recorded, made = folder / "recorded", folder / "made"
        command = [str(java()), *options, f"-Dlog4j2.configurationFile={write_logging(folder)}", "-cp", class_path]
        format_data(folder, class_path, version)
        record = ["-XX:AOTMode=record", f"-XX:AOTConfiguration={recorded}", "kafka.Kafka"]
        ports = (free_port(), free_port())
        _start_and_stop([*command, *record, str(write_properties(folder, *ports, {}))], ports[0])
        if recorded.is_file():
            create = ["-XX:AOTMode=create", f"-XX:AOTConfiguration={recorded}", f"-XX:AOTCache={made}"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run([*command, *create], capture_output=True, check=False, timeout=_SECONDS)
        return made.read_bytes() if made.is_file() else b""


def _start_and_stop(command: Sequence[str], port: int) -> None:
    """Let it come up, do what a loop asks for, and end it in order: what it has loaded is written down at the end."""
    kept = [sys.executable, "-S", "-E", guard.__file__, str(os.getpid()), str(_SECONDS), "-", *command]
    deadline = time.monotonic() + _SECONDS
    with subprocess.Popen(
        kept, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        while process.poll() is None and not listens(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is None:  # else nobody is there to answer
            with contextlib.suppress(UserError, KafkaException):  # what is left out is loaded when it is needed
                rehearse(f"127.0.0.1:{port}")
        assert process.stdin is not None
        process.stdin.close()
