"""The six services of a loop, each of one release or the other, and replaced one by one."""

import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

from tests.upgrade.releases import Release

from driftloop.errors import UserError
from driftloop.kafka.settings import KafkaSettings
from driftloop.tools.local.home import Home
from driftloop.tools.local.launching import Running, Spawning
from driftloop.tools.local.programs import SERVICES, Program, free_ports, service_programs
from driftloop.tools.replay.run import PACE

_READY_S, _STOP_S = 120.0, 40.0


class Services:
    """Runs each in one process. A process that ends by itself is an error: nobody asked it to."""

    def __init__(self, home: Home, kafka: KafkaSettings, environment: Mapping[str, str]) -> None:
        self._home, self._launcher = home.make(), Spawning()
        ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        at = {"DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
        programs = service_programs(home, {**at, **PACE, **environment}, ports)
        self._programs = {program.name: program for program in programs}
        self._running: dict[str, Running] = {}
        self.releases: dict[str, str] = {}
        self.exits: list[int] = []

    @contextmanager
    def all_of(self, release: Release) -> Iterator[None]:
        """All of them as of one release, until the block ends."""
        for name in self._programs:
            self._start(name, release)
        try:
            for name in self._programs:
                self._await_ready(name)
            yield
        finally:
            for name in list(self._running):
                self._stop(name)

    def replace(self, name: str, release: Release) -> float:
        """SIGTERM, then the other release in its place; the seconds until that is ready."""
        began = time.monotonic()
        self._stop(name)
        self._start(name, release)
        self._await_ready(name)
        return round(time.monotonic() - began, 1)

    def check(self) -> None:
        """Raise UserError, with its last words, where one has ended."""
        for name, process in list(self._running.items()):  # another thread may be replacing one
            if (code := process.poll()) is not None:
                raise UserError(f"{name} ({self.releases[name]}) ended with {code}:\n{self.last_words(name)}")

    def last_words(self, name: str) -> str:
        """The end of its log."""
        return self._log(name).read_text(errors="replace")[-3_000:]

    def logs(self) -> str:
        """All that all of them said."""
        return "".join(self._log(name).read_text(errors="replace") for name in self._programs)

    def _start(self, name: str, release: Release) -> None:
        program: Program = self._programs[name]
        environment = {**program.environment, "PYTHONPATH": release.environment()["PYTHONPATH"]}
        self._running[name] = self._launcher.start(replace(program, environment=environment), self._log(name))
        self.releases[name] = release.name

    def _stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            self.exits.append(process.wait(_STOP_S))
        except subprocess.TimeoutExpired:
            process.kill()
            self.exits.append(process.wait())

    def _await_ready(self, name: str) -> None:
        deadline = time.monotonic() + _READY_S
        while not self._ready(name):
            self.check()
            if time.monotonic() > deadline:
                raise UserError(f"{name} is not ready after {_READY_S:.0f} s:\n{self.last_words(name)}")
            time.sleep(0.1)

    def _ready(self, name: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._programs[name].port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, HTTPException):
            return False

    def _log(self, name: str) -> Path:
        return self._home.logs / f"{name}.log"
