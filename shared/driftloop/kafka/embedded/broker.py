"""The real Apache Kafka, started from Python alone.

Why not a stand-in: transactions, fencing and group membership are what driftloop's promise rests
on, so the demo, the replay and the tests run on the broker that production runs on.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.clients.clients import require_broker
from driftloop.kafka.embedded import guard
from driftloop.kafka.embedded.broker_files import format_data, version_of, write_logging, write_properties
from driftloop.kafka.embedded.class_cache import class_cache
from driftloop.kafka.embedded.free_port import free_port, listens
from driftloop.kafka.embedded.runtime_jars import Progress, class_path, java, to_stderr
from driftloop.kafka.settings import KafkaSettings

_JAVA_OPTIONS = (
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"),
    *("-Xms24m", "-XX:NewSize=6m"),  # it grows where that is needed; Java would begin with 1/64 of the machine
    "-XX:+ExitOnOutOfMemoryError",  # half a broker is worse than none
    *("-XX:+UnlockDiagnosticVMOptions", "-XX:ArchiveRelocationMode=0"),  # the cache of classes as it lies in the file
)
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_LOCK_SECONDS = _STOP_SECONDS + 2
"""A broker that was told to stop still holds its folder for a while."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A cluster to talk to. `version` is None where the cluster is somebody else's."""

    bootstrap_servers: str
    embedded: bool
    version: str | None = None
    folder: Path | None = None
    pid: int | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    def obituary(self) -> str | None:
        """How an embedded broker ended by itself, and its last lines; None while it runs, or is not ours."""
        if self.process is None or self.folder is None or (code := self.process.poll()) is None:
            return None
        signal = -code if code < 0 else code - 128
        how = f"was killed by signal {signal}" if signal > 0 else f"ended with exit code {code}"
        return f"the embedded broker {how}; its last lines:\n{_last_lines(self.folder)}"


@contextlib.contextmanager
def broker_or(
    bootstrap_servers: str | None, data_dir: Path | None = None, *, progress: Progress = to_stderr
) -> Iterator[Broker]:
    """The named cluster, or an embedded broker for as long as the block runs."""
    if bootstrap_servers:
        yield Broker(bootstrap_servers, embedded=False)
        return
    with embedded_broker(data_dir, progress=progress) as broker:
        yield broker


@contextlib.contextmanager
def embedded_broker(
    data_dir: Path | None = None,
    *,
    port: int | None = None,
    overrides: Mapping[str, str] | None = None,
    heap_mb: int = 512,
    java_options: Sequence[str] = (),
    progress: Progress = to_stderr,
) -> Iterator[Broker]:
    """A one-node broker on the loopback address, listening when the block starts.

    `data_dir` keeps the data; without it they live in a temporary folder and go with the broker.
    `port=None` takes a free one. `overrides` are lines of `server.properties`; with those of a quorum it is one
    node of several; `java_options` go to its Java. The broker ends with the block or with this process, kill -9
    included.

    Raises UserError: no download, a port or a data folder in use, a broker that does not start.
    """
    folder = _folder(data_dir)
    version = version_of(folder)
    jars = class_path(progress, version)
    quick = class_cache(jars, _JAVA_OPTIONS, progress, version)
    with contextlib.ExitStack() as stack:
        if data_dir is None:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        lock = stack.enter_context((folder / ".lock").open("w"))
        _lock(lock, folder)
        format_data(folder, jars, version)
        ports = (_checked_port(port), free_port())
        command = [
            str(java()),
            f"-Xmx{heap_mb}m",
            *_JAVA_OPTIONS,
            *quick,
            *java_options,
            f"-Dlog4j2.configurationFile={write_logging(folder)}",
        ]
        command += ["-cp", jars, "kafka.Kafka", str(write_properties(folder, *ports, overrides or {}))]
        process = _start(command, folder, lock, temporary=data_dir is None)
        stack.callback(_stop, process)
        servers = f"127.0.0.1:{ports[0]}"
        _await_broker(process, servers, folder)
        yield Broker(servers, embedded=True, version=version, folder=folder, pid=process.pid, process=process)


def _folder(data_dir: Path | None) -> Path:
    if data_dir is None:
        return Path(tempfile.mkdtemp(prefix="driftloop-kafka-"))
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir.resolve()


def _lock(lock: IO[str], folder: Path) -> None:
    """Own the data folder; a broker that is just ending is waited for."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UserError(
                    f"another driftloop runs its broker in {folder}: stop it, or name another home"
                ) from None
            time.sleep(0.1)
        else:
            return


def _checked_port(port: int | None) -> int:
    if port is None:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} is in use: choose another one for the embedded broker") from error
    return port


def _start(command: list[str], folder: Path, lock: IO[str], *, temporary: bool) -> "subprocess.Popen[bytes]":
    """The guard with the broker as its child; it holds the folder's lock as long as it lives."""
    doomed, grace = (str(folder), 0.0) if temporary else ("-", _STOP_SECONDS)
    with (folder / "kafka.out").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-S", "-E", guard.__file__, str(os.getpid()), str(grace), doomed, *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock.fileno(),),
        )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_STOP_SECONDS + 5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_broker(process: "subprocess.Popen[bytes]", servers: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    port = int(servers.rpartition(":")[2])
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"the embedded broker ended while starting: {_last_words(folder)}", ExitCode.BROKER_AWAY)
        if listens(port):
            break
        time.sleep(0.05)
    try:
        require_broker(KafkaSettings(bootstrap_servers=servers), max(1.0, deadline - time.monotonic()))
    except UserError as error:
        raise UserError(
            f"the embedded broker did not answer within {_START_SECONDS:.0f} s: {_last_words(folder)}",
            ExitCode.BROKER_AWAY,
        ) from error


def _last_words(folder: Path) -> str:
    """The last thing that the broker complained of."""
    for name in ("kafka.log", "kafka.out"):
        file = folder / name
        lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
        telling = [line for line in lines if "Exception" in line or "ERROR" in line or "FATAL" in line]
        if telling:
            return telling[-1][:300]
    return f"see {folder}"


def _last_lines(folder: Path, count: int = 15) -> str:
    lines = []
    for name in ("kafka.log", "kafka.out"):
        file = folder / name
        lines += file.read_text(errors="replace").splitlines()[-count:] if file.is_file() else []
    return "\n".join(lines) or f"(none in {folder})"
