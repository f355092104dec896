"""A service as it ships, run as a process of its own, and what it takes of the machine."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from driftloop.errors import UserError
from driftloop.kafka.settings import KafkaSettings
from driftloop.telemetry.memory import memory_mb

_PROC = Path("/proc")


class MeasuredService:
    """`python -m …` against a cluster; use as a context manager. Linux only: figures come from /proc.

    Raises UserError where there is no /proc, and from `check` where the service has ended.
    """

    def __init__(
        self, module: Sequence[str], kafka: KafkaSettings, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        if not (_PROC / "self/schedstat").exists():
            raise UserError("this benchmark reads /proc: run it on Linux")
        self._log = folder / f"{module[0]}.log"
        given = {"DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**os.environ, **given, **(environment or {})},
                stdout=log,
                stderr=log,
                cwd=folder,
            )

    def __enter__(self) -> "MeasuredService":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, to the nanosecond."""
        threads = (_PROC / str(self._process.pid) / "task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    @property
    def rss_mb(self) -> float:
        """Resident memory now, in MB."""
        return memory_mb(self._process.pid)

    @property
    def peak_rss_mb(self) -> float:
        """The most resident memory so far, in MB."""
        return memory_mb(self._process.pid, "VmHWM")

    def check(self) -> None:
        """Raise a UserError where the service has ended."""
        if self._process.poll() is not None:
            raise UserError(f"the service ended: {self._log.read_text(errors='replace')[-500:]}")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that takes long."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
