"""A service as a process of its own, its memory looked at while it works."""

import os
import subprocess
import sys
from pathlib import Path

from tests.chaos.replicas import ROOT

from driftloop.kafka.settings import KafkaSettings
from driftloop.telemetry.memory import memory_mb


class Watched:
    """Runs `python -m MODULE…` until `stop`; `memory` has its resident MB as they were noted, `peak` the most."""

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
        self.memory: dict[str, float] = {}
        self.peak = 0.0

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
            self.process.wait()

    def note_memory(self, when: str) -> None:
        """Take down the resident memory now, and the peak so far."""
        self.memory[when] = round(memory_mb(self.process.pid), 1)
        self.peak = round(memory_mb(self.process.pid, "VmHWM"), 1)
