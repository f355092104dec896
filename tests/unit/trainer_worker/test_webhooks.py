"""Webhooks: each run is told once it can be, refused with the reason, and waited for while the webhook is away."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.topics import TRAINING_ANSWERS
from driftloop.contracts.training_results import TrainingResult
from driftloop.spec.model_spec import TrainingRule
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.adapters.webhooks import Webhooks
from trainer_worker.core.train.processor import RunLimits, TrainingRuns
from trainer_worker.core.train.run_report import Announced, Failed, Run
from trainer_worker.core.train.webhook import Webhook

HERE = FramePosition(partition=0, offset=1)


@dataclass
class Hook:
    """A webhook that answers with each status in turn, the last one for ever."""

    statuses: list[int]
    took: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hook() -> Iterator[Hook]:
    mine = Hook([202])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            mine.took.append((dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            status = mine.statuses.pop(0) if len(mine.statuses) > 1 else mine.statuses[0]
            if status == 0:
                self.wfile.write(b"220 mail.example ESMTP\r\n")
                self.close_connection = True
                return
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", mine.url + "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        mine.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield mine
        server.shutdown()


@pytest.fixture
def run(make_request: Any, spec: Any) -> Run:
    training = TrainingRule(executor="external", entry="dag")
    return Run(request=make_request(1), spec=spec.model_copy(update={"training": training}), position=HERE)


def told(webhooks: Webhooks, run: Run) -> Announced | Failed:
    """How it ends."""
    webhooks.tell(run)
    deadline = time.monotonic() + 120
    while not webhooks.reports():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    webhooks.close()
    ((run_id, end),) = webhooks.reports()
    assert run_id == run.run_id
    return end


@pytest.mark.parametrize(
    ("statuses", "reason", "calls"),
    [
        ([200], None, 1),
        ([202], None, 1),
        ([204], None, 1),
        ([409], None, 1),
        ([503, 500, 202], None, 3),
        ([429, 408, 425, 202], None, 4),
        ([0, 202], None, 2),
        ([401], "the webhook dag does not take the request: 401 Unauthorized", 1),
        ([404], "404 Not Found", 1),
        ([422], "422 Unprocessable Entity", 1),
        ([302], "302 Found", 1),
        ([307], "307 Temporary Redirect", 1),
    ],
)
def test_what_an_answer_means(hook: Hook, run: Run, statuses: list[int], reason: str | None, calls: int):
    hook.statuses = statuses
    end = told(Webhooks({"dag": Webhook(url=hook.url)}, again_seconds=0.01), run)
    assert len(hook.took) == calls
    if reason is None:
        assert end == Announced()
    else:
        assert isinstance(end, Failed)
        assert reason in end.reason
        assert not end.again


def test_a_webhook_that_the_settings_do_not_name_is_not_called(run: Run):
    end = told(Webhooks({}), run)
    assert isinstance(end, Failed)
    assert "the trainer has no webhook dag" in end.reason


@pytest.mark.parametrize(
    ("body", "posted"),
    [
        ("{request}", lambda asked: asked),
        ({"conf": {"request": "{request}"}, "dag_run_id": "{run}"},
         lambda asked: {"conf": {"request": asked}, "dag_run_id": asked["message_id"]}),
        ({"list": ["{run}", 1, None], "text": "run {run}"},
         lambda asked: {"list": [asked["message_id"], 1, None], "text": "run {run}"}),
    ],
    ids=["request", "airflow", "nested"],
)  # fmt: skip
def test_what_is_posted(hook: Hook, run: Run, tmp_path: Any, body: Any, posted: Callable[[Any], Any]):
    (tmp_path / "token").write_text("secret\n")
    webhook = Webhook(url=hook.url, body=body, token_file=str(tmp_path / "token"), headers={"X-Team": "churn"})
    assert told(Webhooks({"dag": webhook}), run) == Announced()
    ((headers, content),) = hook.took
    assert content == posted(run.request.model_dump(mode="json"))
    assert headers["Idempotency-Key"] == str(run.run_id)
    assert (headers["Authorization"], headers["X-Team"]) == ("Bearer secret", "churn")


@pytest.mark.parametrize("end", ["cancelled", "answered"])
def test_while_it_is_away_that_is_said_and_a_run_that_is_over_is_not_told(hook: Hook, run: Run, end: str):
    hook.statuses = [503]
    webhooks = Webhooks({"dag": Webhook(url=hook.url)}, again_seconds=0.01)
    webhooks.tell(run)
    deadline = time.monotonic() + 120
    while not webhooks.away:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    webhooks.keep(frozenset()) if end == "cancelled" else webhooks.forget(run.run_id)
    webhooks.close()
    assert (webhooks.away, webhooks.reports()) == (0, [])


def test_a_webhook_that_never_answers_holds_up_no_other(hook: Hook, run: Run, make_request: Any):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        known = {"dag": Webhook(url=f"http://127.0.0.1:{silent.getsockname()[1]}"), "other": Webhook(url=hook.url)}
        webhooks = Webhooks(known)
        webhooks.tell(run)
        silent.accept()  # its request is under way from here on
        elsewhere = run.spec.model_copy(update={"training": TrainingRule(executor="external", entry="other")})
        assert told(webhooks, Run(request=make_request(2), spec=elsewhere, position=HERE)) == Announced()


@pytest.mark.parametrize("url", ["ftp://there", "airflow:8080", "http://user:secret@there", ""])
def test_an_address_is_one_of_http_and_holds_no_password(url: str):
    with pytest.raises(ValidationError):
        Webhook(url=url)


def core_of(executor: Any, spec_record: FakeRecord, spec: Any) -> TrainingRuns:
    core = TrainingRuns(executor, RunLimits())
    core.take_table("model-specs", [spec_record])
    core.restore(0, ())
    return core


@pytest.fixture
def spec(spec: Any) -> Any:
    training = TrainingRule(executor="external", entry="dag", time_limit_seconds=3600)
    return spec.model_copy(update={"training": training})


def test_a_run_is_told_until_that_is_committed_and_then_no_more(
    executor: Any, spec_record: FakeRecord, spec: Any, make_request: Any, as_record: Any
):
    request = make_request()
    core = core_of(executor, spec_record, spec)
    effects = core.process([as_record(request)], START)
    assert [run.run_id for run in executor.started] == [request.message_id]
    assert effects.wake_at is not None
    assert effects.wake_at < core._runs[0][request.message_id].gives_up_at  # type: ignore[operator]
    restarted = core_of(executor, spec_record, spec)
    executor.told.clear()
    restarted.restore(0, [(change.key, change.value) for change in effects.state_changes if change.value])
    restarted.wake(START)
    assert len(executor.started) == 2, "killed before that was committed: told once more"
    executor.told[request.message_id].append(Announced())
    told = restarted.wake(START)
    (change,) = told.state_changes
    assert Run.model_validate_json(change.value).announced
    assert restarted.wake(START).wake_at == restarted._runs[0][request.message_id].gives_up_at
    executor.told.clear()
    third = core_of(executor, spec_record, spec)
    third.restore(0, [(change.key, change.value)])
    third.wake(START)
    assert len(executor.started) == 2


def test_a_webhook_that_refuses_ends_the_run_with_its_reason(
    executor: Any, spec_record: FakeRecord, spec: Any, make_request: Any, as_record: Any
):
    request = make_request()
    core = core_of(executor, spec_record, spec)
    core.process([as_record(request)], START)
    executor.told[request.message_id].append(Failed(reason="the webhook dag does not take the request: 401"))
    (out,) = core.wake(START).outgoing
    assert b"does not take the request: 401" in out.value


def answer_to(request: Any) -> FakeRecord:
    answer = TrainingResult(
        message_id=derive_id("answer", str(request.message_id)), model_id=request.model_id, occurred_at=START,
        run_id=request.message_id, status="succeeded", version=request.version, artifact="file:///made",
        artifact_sha256="0" * 64,
    )  # fmt: skip
    return FakeRecord(TRAINING_ANSWERS, key=request.model_id, value=answer.to_json())


@pytest.mark.parametrize("waits", [False, True], ids=["in the turn of the answer", "while it waits for a slot"])
def test_a_webhook_that_refuses_late_takes_no_answer_back(
    executor: Any, spec_record: FakeRecord, spec: Any, make_request: Any, as_record: Any, waits: bool
):
    """It took the request, its word was lost, and it says of the second one that the run is over."""
    core = TrainingRuns(executor, RunLimits(slots=1))
    core.take_table("model-specs", [spec_record])
    core.restore(0, ())
    first, second = make_request(1), make_request(2)
    core.process([as_record(first, 0), as_record(second, 1)], START)
    late = Failed(reason="the webhook dag does not take the request: 422")
    if not waits:
        executor.told[first.message_id].append(late)
        assert core.process([answer_to(first)], START).outgoing == ()
        return
    core.process([answer_to(first)], START)
    core.process([answer_to(second)], START)
    executor.told[second.message_id].append(late)
    assert core.wake(START).outgoing == ()
