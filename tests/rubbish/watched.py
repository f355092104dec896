"""A service as a process of its own, its memory looked at while it works."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.chaos.replicas import ROOT

from driftloop.kafka.settings import KafkaSettings

_LOOK_EVERY_S = 0.1


class Watched:
    """Runs `python -m MODULE…` until `stop`; `memory` has (seconds, resident MB) since the start."""

    def __init__(self, module: tuple[str, ...], kafka: KafkaSettings, log: Path, **environment: str) -> None:
        own = {
            "DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "DRIFTLOOP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("services", "shared", ".")),
        }
        self.name, self.log = " ".join(module), log
        with log.open("wb") as out:
            command = [sys.executable, "-m", *module]
            self.process = subprocess.Popen(
                command, env={**os.environ, **own, **environment}, cwd=ROOT, stdout=out, stderr=out
            )
        self.memory: list[tuple[float, float]] = []
        self._looker = threading.Thread(target=self._look, daemon=True)
        self._looker.start()

    @property
    def crashed(self) -> bool:
        """Whether it ended by itself."""
        return self.process.poll() is not None

    def said(self, text: str) -> int:
        """How often its log has this text."""
        return self.log.read_text(errors="replace").count(text)

    def stop(self, timeout_s: float = 30.0) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        finally:
            self.process.kill()
            self._looker.join(5)

    def _look(self) -> None:
        started = time.monotonic()
        while self.process.poll() is None:
            if (megabytes := _resident(self.process.pid)) is not None:
                self.memory.append((time.monotonic() - started, megabytes))
            time.sleep(_LOOK_EVERY_S)


def _resident(pid: int) -> float | None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")]
    return found[0] if found else None
