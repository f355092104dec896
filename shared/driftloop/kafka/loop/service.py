"""A loop as a process: signals, the health server, and what its end is called."""

import faulthandler
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.deadlines import Deadlines
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import FencedError
from driftloop.kafka.loop.watchdog import Watchdog
from driftloop.telemetry.health import HealthServer
from driftloop.telemetry.otlp import metrics_push
from driftloop.waits import HANGS

_STDERR = 2


class Service:
    """What `app.build` gives and `__main__` runs.

    `metrics_port=None` serves nothing, 0 takes a free port. `before` and `after` are called around
    the loop (a child process to stop, a connection to close). A loop that hangs is ended by a watchdog, with
    ExitCode.STUCK, and is to be started again by whoever started it.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        metrics_port: int | None = None,
        metrics_host: str = "127.0.0.1",
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.loop = loop
        self._deadlines = deadlines or loop.deadlines
        self._port, self._host, self._before, self._after = metrics_port, metrics_host, before, after

    @property
    def registry(self) -> CollectorRegistry:
        """Where the service's own metrics belong."""
        return self.loop.metrics.registry

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; the exit code. Errors are said in one sentence.

        Native code that crashes leaves the stacks of all threads where the log goes.
        """
        if not faulthandler.is_enabled():
            faulthandler.enable(_STDERR)
        log = structlog.get_logger(service=self.loop.metrics.service)
        ProcessCollector(registry=self.registry)
        self._listen_to_signals()
        watchdog = Watchdog(self._deadlines)
        health = self._health(watchdog)
        watchdog.start()
        push = None
        try:
            push = metrics_push(self.registry, self.loop.metrics.service)
            if self._port is not None:
                log.info("metrics served", port=health.start(self._host, self._port))
            self._before()
            self.loop.run()
        except UserError as error:
            log.error("stopped", reason=error.sentence)  # noqa: TRY400  (a sentence is enough)
            print(error.sentence, file=sys.stderr)  # noqa: T201
            return int(error.exit_code)
        except FencedError as error:
            log.error("fenced", reason=str(error))  # noqa: TRY400  (a sentence is enough)
            return int(ExitCode.FENCED)
        except Exception:
            log.exception("stopped by an error of its own")
            return int(ExitCode.ERROR)
        finally:
            self._after()
            watchdog.stop()
            health.stop()
            if push is not None:
                push.stop()
        log.info("stopped")
        return int(ExitCode.OK)

    def _health(self, watchdog: Watchdog) -> HealthServer:
        def waits_for() -> str:
            return self.loop.waits_for if watchdog.in_time else HANGS

        def ready() -> bool:
            return not waits_for()

        self.loop.metrics.watch(lambda: watchdog.standstill_s, ready)
        return HealthServer(self.registry, alive=lambda: watchdog.alive, ready=ready, waits_for=waits_for)

    def _listen_to_signals(self) -> None:
        """A thread hears them: the main one may be inside a call to the broker that takes a minute to give up."""
        if threading.current_thread() is not threading.main_thread():
            return
        heard, rung = socket.socketpair()
        rung.settimeout(0)
        signal.set_wakeup_fd(rung.detach())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        threading.Thread(target=self._wait_for_signal, args=(heard,), daemon=True).start()

    def _wait_for_signal(self, heard: socket.socket) -> None:
        while heard.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
            continue
        self._stop()

    def _stop(self) -> None:
        """Ask the loop to end; a loop that cannot (its broker is away) is left behind: no harm, only a redo."""
        self.loop.stop()
        last_resort = threading.Timer(self._deadlines.stop_s, os._exit, (int(ExitCode.BROKER_AWAY),))
        last_resort.daemon = True
        last_resort.start()
