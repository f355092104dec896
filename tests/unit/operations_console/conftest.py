"""A console over a log in memory: the real fold, the real handlers, the real server, no Kafka."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from driftloop.contracts import topics
from driftloop.contracts.challenge_scores import ChallengeScores
from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import DriftStatus, LossBlock
from driftloop.contracts.message import ControlMessage, FramePosition, RowPosition, derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision, SafeguardState
from driftloop.contracts.training_progress import TrainingProgress
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.contracts.training_results import TrainingCost, TrainingResult
from driftloop.in_memory.log import MemoryLog
from driftloop.processor import Outgoing
from driftloop.spec.model_spec import ModelSpec
from operations_console.adapters.ports import AwayError, Letter
from operations_console.adapters.web.desk import Desk
from operations_console.adapters.web.door import Door, Sessions
from operations_console.adapters.web.hub import Hub
from operations_console.adapters.web.server import web_app
from operations_console.core.access import RateLimit, TokenEntry, hashed, principal_of
from operations_console.core.view.fleet import TOPICS, FleetView
from operations_console.core.view.history import History
from operations_console.metrics import ConsoleMetrics

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
RUN = derive_id("run", "plant", 1)
SPEC = {"model_id": "plant", "task": "binary", "features": {"x": {}}, "target": {"y": {}}, "segments": ["site"]}


def envelope(model: str, kind: str, number: int, **more: Any) -> dict[str, Any]:
    """The envelope of a control message, a minute after the one before."""
    return {
        "message_id": derive_id(kind, model, number),
        "model_id": model,
        "occurred_at": START + timedelta(minutes=number),
        **more,
    }


def status(model: str, number: int, loss: float, *, active: tuple[str, ...] = (), segment: str = "") -> DriftStatus:
    blocks = () if segment else (
        LossBlock(
            index=number, first_row=number * 25, rows=25, model_version="1.0.0", loss=loss,
            last_at=START + timedelta(minutes=number),
        ),
    )  # fmt: skip
    return DriftStatus(
        **envelope(model, f"status{segment}", number), segment=segment, model_version="1.0.0", spec_version=1,
        position=FramePosition(partition=0, offset=number), rows=number * 30 + 30, labelled_rows=number * 25 + 25,
        as_of=START + timedelta(minutes=number), loss_blocks=blocks,
        metrics={"loss": loss, "loss_reference": 0.1, "loss_rise": loss - 0.1}, active_signals=active,
        attribution={"x": 0.8, "segment site=a": 0.6} if active else {},
    )  # fmt: skip


def signal(model: str, number: int, *, harmful: bool = True) -> DriftSignal:
    at = RowPosition(row=number * 25, prediction_id=f"p{number}", at=START + timedelta(minutes=number))
    return DriftSignal(
        **envelope(model, "signal", number), model_version="1.0.0", kind="error", detector="mixture-cusum",
        harmful=harmful, statistic=9.0, threshold=7.0, reference_rows=500, current_rows=200, onset=at, raised=at,
        position=FramePosition(partition=0, offset=number), explanation="the loss rose from 0.1 to 0.3",
    )  # fmt: skip


def decision(model: str, number: int, action: Any, trigger: str, reason: str, **more: Any) -> RetrainDecision:
    return RetrainDecision(
        **envelope(model, "decision", number, caused_by=more.pop("caused_by", ())), action=action, trigger=trigger,
        reason=reason, policy="default", row=number * 25, evidence={"gain": 310.5, "detector": "mixture-cusum"}, **more,
    )  # fmt: skip


def event(model: str, number: int, kind: Any, version: str, **more: Any) -> ModelEvent:
    return ModelEvent(
        **envelope(model, "event", number), event=kind, version=version, reason=f"{kind} in the test",
        artifact="file:///a", artifact_sha256="0" * 64, **more,
    )  # fmt: skip


def scores(model: str, number: int, champion: str = "1.0.0") -> ChallengeScores:
    return ChallengeScores(
        **envelope(model, "scores", number), position=FramePosition(partition=0, offset=number), champion=champion,
        losses={champion: (0.4, 0.2), "1.0.1": (0.1, 0.1)},
    )  # fmt: skip


Story = list[tuple[str, ControlMessage]]


def story(model: str = "plant") -> Story:
    """A model that drifts, is retrained, and whose new version waits for a person."""
    spec = ModelSpec.model_validate({**SPEC, "model_id": model})
    found: Story = [
        (topics.MODEL_SPECS, ModelSpecPublished(**envelope(model, "spec", 0), spec_version=1, spec=spec)),
        (topics.MODEL_EVENTS, event(model, 1, "registered", "1.0.0")),
        (topics.MODEL_EVENTS, event(model, 2, "promoted", "1.0.0")),
    ]
    found += [(topics.DRIFT_STATUS, status(model, number, 0.1)) for number in range(3, 20)]
    found += [(topics.DRIFT_SIGNALS, signal(model, 20))]
    harmed = ("error:mixture-cusum",)
    found += [(topics.DRIFT_STATUS, status(model, number, 0.3, active=harmed)) for number in range(20, 30)]
    found += [(topics.DRIFT_STATUS, status(model, 29, 0.4, active=harmed, segment="site=a"))]
    cause = derive_id("signal", model, 20)
    run = derive_id("run", model, 1)
    request = TrainingRequest(
        **{**envelope(model, "request", 22), "message_id": run}, version="1.0.1", spec_version=1,
        learner="random-forest", data=DataRule(until=FramePosition(partition=0, offset=21), rows=500), reason="drift",
    )  # fmt: skip
    found += [
        (topics.RETRAIN_DECISIONS, decision(model, 21, "retrain", "payoff", "a retrain now saves 310", run_id=run,
                                            candidate="1.0.1", champion="1.0.0", caused_by=(cause,))),
        (topics.TRAINING_REQUESTS, request),
        *((topics.TRAINING_PROGRESS, TrainingProgress(**envelope(model, "progress", 22 + step), run_id=run, step=step,
                                                      steps=3, training_loss=1 / step)) for step in (1, 2, 3)),
        (topics.TRAINING_RESULTS, TrainingResult(**envelope(model, "result", 26), run_id=run, status="succeeded",
                                                 version="1.0.1", metrics={"loss": 0.08},
                                                 cost=TrainingCost(seconds=3.5, cpu_seconds=3.0))),
        (topics.MODEL_EVENTS, event(model, 27, "registered", "1.0.1", run_id=run)),
        (topics.MODEL_EVENTS, event(model, 28, "challenged", "1.0.1")),
        *((topics.CHALLENGE_SCORES, scores(model, number)) for number in (28, 29)),
        (topics.RETRAIN_DECISIONS, decision(model, 29, "wait", "approval", "1.0.1 is proven; it waits for a person",
                                            candidate="1.0.1", caused_by=(cause,))),
        (topics.RETRAIN_DECISIONS, decision(model, 30, "refuse", "drift", "too soon", safeguards=(
            SafeguardState(name="least_gap", passed=False, detail="the last run was a minute ago"),))),
    ]  # fmt: skip
    return found


@dataclass(slots=True)
class MemoryPort:
    """The console's way to a log in memory: what is published is on the log, and then in the view."""

    log: MemoryLog
    desk: Desk | None = None
    away: bool = False
    answer: Callable[[ModelCommand], RetrainDecision] | None = None
    """A coordinator, where the test has one."""

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        if self.away:
            raise AwayError("no Kafka broker answers")
        for one in outgoing:
            self.log.append(one.topic, key=one.key, value=one.value, headers=one.headers)
            if one.topic == topics.MODEL_COMMANDS and self.answer is not None:
                said = self.answer(ModelCommand.from_json(one.value))
                self.log.append(topics.RETRAIN_DECISIONS, key=one.key, value=said.to_json())
        self.follow()

    def follow(self) -> None:
        """Fold whatever is new on the log."""
        assert self.desk is not None
        for topic in TOPICS:
            start = self.desk.view.next.get((topic, 0), 0)
            for record in self.log.slice((topic, 0), start, self.log.end((topic, 0))):
                change = self.desk.view.take(record)
                if change is not None:
                    self.desk.hub.tell(change)

    async def letters(self, places: Sequence[str]) -> list[Letter]:
        if self.away:
            raise AwayError("no Kafka broker answers")
        found = []
        for record in self.log.records(topics.DEAD_LETTERS):
            place = f"{record.partition()}:{record.offset()}"
            if place in places:
                headers = record.headers() or []
                error = {n.removeprefix("dlq.error."): v.decode() for n, v in headers if n.startswith("dlq.error.")}
                own = tuple((n, v) for n, v in headers if not n.startswith("dlq.error."))
                found.append(Letter(place, error.get("topic", ""), record.key(), record.value(), own, error))
        return found

    async def replay(self, letters: Sequence[Letter]) -> int:
        if self.away:
            raise AwayError("no Kafka broker answers")
        for letter in letters:
            self.log.append(letter.topic, key=letter.key, value=letter.value, headers=letter.headers)
        return len(letters)


TOKENS = {"viewer": "dlt_view", "operator": "dlt_operate", "approver": "dlt_approve", "old": "dlt_old"}


@dataclass(slots=True)
class MemoryTokens:
    """Tokens of a test; `old` has expired."""

    entries: tuple[TokenEntry, ...] = ()

    def principal(self, token: str, now: datetime) -> Any:
        return principal_of(token, self.entries, now)


def tokens() -> MemoryTokens:
    roles: dict[str, Any] = {"viewer": "viewer", "operator": "operator", "approver": "approver", "old": "approver"}
    return MemoryTokens(
        tuple(
            TokenEntry(name=name, role=role, sha256=hashed(TOKENS[name]), expires_at=START if name == "old" else None)
            for name, role in roles.items()
        )
    )


@dataclass(slots=True)
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(slots=True)
class Served:
    """A console that listens on this machine, in a thread of its own."""

    desk: Desk
    port: MemoryPort
    door: Door
    address: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __call__(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        """Ask; `body` goes as JSON, text as a form."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if isinstance(body, str):
            data, sent = body.encode(), {"Content-Type": "application/x-www-form-urlencoded", **sent}
        elif body is not None:
            data, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.address + path, data=data, headers=sent, method=method)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def say(self, topic: str, message: ControlMessage) -> None:
        """Put a message on the log, and let the console read it."""

        async def said() -> None:
            self.port.log.append(topic, key=message.model_id, value=message.to_json())
            self.port.follow()

        asyncio.run_coroutine_threadsafe(said(), self.loop).result(10)

    def commands(self) -> list[ModelCommand]:
        return [ModelCommand.from_json(r.value() or b"") for r in self.port.log.records(topics.MODEL_COMMANDS)]


def fold_story(log: MemoryLog, messages: Story) -> None:
    for topic, message in messages:
        log.append(topic, key=message.model_id, value=message.to_json())


def bury(log: MemoryLog, number: int, error_class: str = "ValidationError") -> None:
    facts = {"class": error_class, "message": "x is missing", "stage": "decode", "topic": topics.PREDICTION_OUTCOMES}
    headers = (("content-type", b"application/json"), *((f"dlq.error.{n}", v.encode()) for n, v in facts.items()))
    log.append(topics.DEAD_LETTERS, key=f"p{number}", value=b'{"bad": <script>}', headers=headers)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start consoles; `open_access` needs no token."""
    started: list[tuple[Served, threading.Thread, web.AppRunner]] = []

    def start(
        messages: Story | None = None,
        *,
        open_access: bool = False,
        clock: Any = None,
        rate: float = 1e6,
        wrong: float = 5,
        proxies: int = 0,
    ) -> Served:
        log = MemoryLog()
        fold_story(log, story() if messages is None else messages)
        for number in range(3):
            bury(log, number)
        ticking = clock or (lambda: START + timedelta(hours=2))
        port = MemoryPort(log)
        desk = Desk(FleetView(), Hub(History("test")), port, ticking)
        port.desk = desk
        port.follow()
        desk.whole = desk.live = True
        door = Door(
            None if open_access else tokens(), Sessions(ticking), ticking, RateLimit(rate, rate),
            RateLimit(1 / 60, wrong), proxies,
            hosts=frozenset({"127.0.0.1", "localhost"}) if open_access else None,
        )  # fmt: skip
        served = Served(desk, port, door)
        runner = web.AppRunner(web_app(desk, door, ConsoleMetrics(), lambda: True), shutdown_timeout=0.1)

        async def listen() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            served.address = f"http://127.0.0.1:{runner.addresses[0][1]}"

        thread = threading.Thread(target=served.loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(listen(), served.loop).result(10)
        started.append((served, thread, runner))
        return served

    yield start
    for served, thread, runner in started:

        async def end(one: Served = served, its: web.AppRunner = runner) -> None:
            one.desk.hub.close()
            await its.cleanup()

        asyncio.run_coroutine_threadsafe(end(), served.loop).result(10)
        served.loop.call_soon_threadsafe(served.loop.stop)
        thread.join(10)
        served.loop.close()
