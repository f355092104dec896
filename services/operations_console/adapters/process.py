"""The console's process: the view, its tail, the web, and their start and end.

The page answers first; then the view is loaded; then Faust goes on from there. Nothing is owed at the end, so
whatever is not stopped within its time is left to the system. It is read in by role `console` alone: Faust and the
web take a second of a start.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from functools import partial

import faust
import structlog
from aiohttp import web

from driftloop.clock import Clock
from driftloop.contracts.signed_commands import signed
from driftloop.errors import ExitCode, UserError
from driftloop.kafka.admin.handover import begin_group_at, remove_group
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from driftloop.secret_files import secret_at_start
from driftloop.telemetry.disk import DiskSpace
from driftloop.telemetry.otlp import metrics_push
from operations_console.adapters.kafka_port import KafkaPort
from operations_console.adapters.loading import load
from operations_console.adapters.probing import probe
from operations_console.adapters.reports import ScheduledReports
from operations_console.adapters.storage import StorageLook
from operations_console.adapters.tail import add_schedule, tail_app
from operations_console.adapters.web.desk import Desk
from operations_console.adapters.web.door import Door, Sessions
from operations_console.adapters.web.hub import Hub
from operations_console.adapters.web.identity import FileTokens, Identity, OpenIdConnect, Several
from operations_console.adapters.web.server import web_app
from operations_console.core.access import RateLimit
from operations_console.core.report import report, span_of
from operations_console.core.view.fleet import FleetView
from operations_console.core.view.history import History
from operations_console.metrics import ConsoleMetrics, ViewGauges
from operations_console.settings import GROUP, ReportPlan, Settings, is_loopback

STOP_SECONDS = 8.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_RETRY_SECONDS = 2.0
log = structlog.get_logger()


def build_console(settings: Settings, kafka: KafkaSettings, clock: Clock) -> "Console":
    """The process, ready to run."""
    view, metrics = FleetView(), ConsoleMetrics()
    hub = Hub(History(secrets.token_hex(4)))
    desk = Desk(view, hub, KafkaPort(kafka), clock)
    if settings.signing_key_file is not None:
        desk.sign = partial(signed, private_key=secret_at_start(settings.signing_key_file))
    if settings.artifact_uri is not None:
        desk.storage = StorageLook(settings.artifact_uri, clock)
    gauges = ViewGauges(
        view, lambda: _waiting(desk),
        lambda: hub.followers, lambda: desk.whole,
    )  # fmt: skip
    metrics.registry.register(gauges)
    metrics.registry.register(DiskSpace({"reports": settings.report_folder}))
    return Console(settings, kafka, desk, metrics, door_of(settings, clock))


def _waiting(desk: Desk) -> int:
    """Models of which something waits; 0 while the view is loaded in another thread."""
    models = list(desk.view.models.values()) if desk.whole else []
    return sum(bool(desk.glances.of(one)[1].waits) for one in models)


def door_of(settings: Settings, clock: Clock) -> Door:
    """Who is let in, by the settings."""
    identities: list[Identity] = []
    if settings.tokens_file is not None:
        identities.append(FileTokens(settings.tokens_file))
    if settings.oidc_issuer is not None and settings.oidc_jwks_url is not None:
        identities.append(
            OpenIdConnect(
                settings.oidc_issuer, settings.oidc_audience, settings.oidc_jwks_url, settings.oidc_claim,
                settings.oidc_roles,
            )
        )  # fmt: skip
    return Door(
        identity=Several(tuple(identities)) if identities else None,
        sessions=Sessions(clock),
        clock=clock,
        requests=RateLimit(settings.requests_per_second, settings.requests_at_once),
        logins=RateLimit(settings.wrong_tokens_per_minute / 60.0, settings.wrong_tokens_per_minute),
        proxies=settings.proxies,
        hosts=None if identities else _LOOPBACK | set(settings.hosts),
    )


@dataclass(slots=True)
class Console:
    """The process. `port` is where the page is, once it listens."""

    settings: Settings
    kafka: KafkaSettings
    desk: Desk
    metrics: ConsoleMetrics
    door: Door
    port: int = 0
    group: str = field(default_factory=lambda: f"{GROUP}-{uuid.uuid4().hex[:12]}")
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def run(self) -> int:
        """Run until SIGTERM; the exit code."""
        try:
            return asyncio.run(self.serve())
        except UserError as error:
            log.error("console ends", why=error.sentence)  # noqa: TRY400  (a sentence for a person)
            return int(error.exit_code)

    async def serve(self) -> int:
        """Serve the page, load the view, follow the log."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        runner = web.AppRunner(
            web_app(self.desk, self.door, self.metrics, self.is_alive), access_log=None, shutdown_timeout=1.0
        )
        await runner.setup()
        await self._listen(runner)
        push = metrics_push(self.metrics.registry, GROUP)
        tail = asyncio.create_task(self._tail())
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({tail, stopped}, return_when=asyncio.FIRST_COMPLETED)
        code = _code_of(tail) if tail.done() else ExitCode.OK
        if push is not None:
            push.stop()
        await self._end(runner, tail, code)
        return code

    def is_alive(self) -> bool:
        """Whether the process does its work; a broker that is away is no fault of its own."""
        return not self._stopping.is_set()

    async def _listen(self, runner: web.AppRunner) -> None:
        site = web.TCPSite(runner, self.settings.metrics_host, self.settings.metrics_port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(
                f"port {self.settings.metrics_port} for the page is in use: choose another one, or 0 for any"
            ) from error
        self.port = runner.addresses[0][1]
        host = self.settings.metrics_host
        shown = host if is_loopback(host) else "this machine"
        log.info("the page is up", address=f"http://{shown}:{self.port}/")

    async def _tail(self) -> None:
        offsets = await self._load()
        app = await asyncio.to_thread(self._handed_over, offsets)
        try:
            await app.start()
            self.desk.live = True
            log.info("following the log", group=self.group)
            await app.wait_until_stopped()
        finally:
            self.desk.live = False
            if not app.should_stop:
                await app.stop()
            with contextlib.suppress(Exception):  # an empty group goes away by itself after a week
                await asyncio.to_thread(remove_group, self.kafka, self.group)
        if app.crash_reason is not None:
            raise UserError(f"Following the log failed: {app.crash_reason}", ExitCode.BROKER_AWAY)

    async def _load(self) -> dict[tuple[str, int], int]:
        """Load the view, again and again while the broker is away: the page says so meanwhile."""
        while True:
            began = time.monotonic()
            try:
                offsets = await asyncio.to_thread(
                    load, self.desk.view, self.kafka, self.settings.newest_read, self._count
                )
            except UserError as error:
                log.warning("the view cannot be loaded yet", why=error.sentence)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self.desk.whole = True
            models = len(self.desk.view.models)
            log.info("the view is whole", models=models, seconds=round(time.monotonic() - began, 2))
            return offsets

    def _handed_over(self, offsets: dict[tuple[str, int], int]) -> faust.App:
        begin_group_at(self.kafka, self.group, offsets)
        self.settings.data_folder.mkdir(parents=True, exist_ok=True)
        app = tail_app(self.kafka, self.group, self.settings.data_folder.absolute(), self._take)
        for name, plan in self.settings.report_schedules.items():
            add_schedule(app, plan.cron, partial(self._serve_report, name, plan))
        if self.settings.probe_schedule is not None:
            add_schedule(app, self.settings.probe_schedule, partial(probe, self.desk, self.settings.probe_schedule))
        return app

    async def _serve_report(self, name: str, plan: ReportPlan) -> None:
        reports = ScheduledReports(
            self.settings.report_folder, name, plan.cron, span_of(plan.span),
            lambda since, until: report(self.desk.view.models.values(), since, until),
        )  # fmt: skip
        try:
            reports.serve(self.desk.clock())
        except OSError as error:
            log.error("the report was not written", why=str(error))  # noqa: TRY400  (the reason is enough)

    def _count(self, topic: str, records: int) -> None:
        self.metrics.records.labels(topic).inc(records)

    def _take(self, record: Record) -> None:
        self._count(record.topic(), 1)
        change = self.desk.view.take(record)
        if change is not None:
            self.desk.hub.tell(change)

    async def _end(self, runner: web.AppRunner, tail: "asyncio.Task[None]", code: int) -> None:
        """End streams, page and tail; what is not over in time is left to the system: nothing is owed."""
        self._stopping.set()
        deadline = threading.Timer(STOP_SECONDS, os._exit, (code,))
        deadline.daemon = True
        deadline.start()
        self.desk.hub.close()
        await runner.cleanup()
        tail.cancel()
        await asyncio.wait({tail})


def _code_of(tail: "asyncio.Task[None]") -> int:
    error = tail.exception()
    if error is None:
        return ExitCode.OK
    log.error("following the log ended", why=str(error) or type(error).__name__)
    return int(error.exit_code) if isinstance(error, UserError) else ExitCode.ERROR
