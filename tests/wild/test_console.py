"""Odd but valid: what the console is shown, and what it shows of it."""

import asyncio
import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.unit.operations_console.conftest import MemoryPort, Served, decision, event, serve, status, story

from driftloop.contracts import topics
from driftloop.learners.served_calls import Caller
from driftloop.processor import Outgoing
from driftloop.rest import Server
from driftloop.tools.cli.through_console import ConsoleWay
from operations_console.adapters.deliverer import UnsureError, deliver
from operations_console.adapters.lineage import OpenLineageSender
from operations_console.core.notify.rules import Channel, Quiet, Rule, Rules
from operations_console.core.notify.wording import Telling
from operations_console.settings import ReportPlan, Settings

__all__ = ["serve"]
Serve = Callable[..., Served]


@pytest.mark.wild(area="console", given="a version named `2026-03:prod+cpu@v1=x`", right="its page is reached by link")
def test_a_version_of_any_name_has_its_page(serve: Serve):
    name = "2026-03:prod+cpu@v1=x"
    served = serve([(topics.MODEL_EVENTS, event("plant", 1, "promoted", name))], open_access=True)
    assert f"/models/plant/versions/{name}" in served("GET", "/models/plant").text
    assert served("GET", f"/models/plant/versions/{quote(name, safe=':+@=')}").status == 200
    assert served("GET", f"/models/plant/versions/{quote(name, safe='')}").status == 200


@pytest.mark.wild(area="console", given="a metric that is no number (null)", right="a dash; nothing else changes")
def test_a_loss_that_is_no_number_is_a_dash(serve: Serve):
    told = json.loads(status("plant", 1, 0.1).to_json())
    told["metrics"] = {"loss": None, "loss_reference": None, "loss_rise": None}
    served = serve([], open_access=True)
    served.port.log.append(topics.DRIFT_STATUS, key="plant/", value=json.dumps(told))
    served.port.follow()
    (model,) = served("GET", "/api/fleet").json["models"]
    assert (model["loss"], model["health"]) == (None, "steady")
    assert served("GET", "/models/plant").status == 200


@pytest.mark.wild(area="console", given="messages of a model that nobody declared", right="shown with what is known")
def test_a_model_without_a_spec_is_shown(serve: Serve):
    told: Any = [one for one in story() if one[0] != topics.MODEL_SPECS]
    served = serve(told, open_access=True)
    assert served("GET", "/api/models/plant").json["spec_version"] == 0
    assert served("GET", "/api/models/plant/spec").status == 404
    assert served("GET", "/models/plant").status == 200


@pytest.mark.wild(area="console", given="a field that a newer driftloop has added", right="read, the field left out")
def test_a_message_of_a_newer_release_is_read(serve: Serve):
    told = {**json.loads(event("plant", 1, "promoted", "1.0.0").to_json()), "mood": {"good": True}}
    served = serve([], open_access=True)
    served.port.log.append(topics.MODEL_EVENTS, key="plant", value=json.dumps(told))
    served.port.follow()
    assert served("GET", "/api/fleet").json["models"][0]["champion"] == "1.0.0"


@pytest.mark.wild(area="console", given="a decision's evidence of nulls and long texts", right="shown as it is")
def test_evidence_of_any_kind_is_shown(serve: Serve):
    odd = decision("plant", 60, "wait", "payoff", "x").model_copy(
        update={"evidence": {"none": None, "text": "<b>" * 500, "figure": 1e300}}
    )
    served = serve([*story(), (topics.RETRAIN_DECISIONS, odd)], open_access=True)
    page = served("GET", "/models/plant")
    assert (page.status, "<b><b>" in page.text) == (200, False)


@pytest.mark.wild(area="console", given="quiet hours without quotes (YAML reads 22:00 as 1320)", right="22:00")
def test_quiet_hours_need_no_quotes():
    rules = Rules.model_validate(
        yaml.safe_load(
            "{channels: {x: {kind: slack, url: 'http://x'}}, rules: [{to: [x], quiet: {from: 22:00, until: 06:30}}]}"
        )
    )
    quiet = rules.rules[0].quiet
    assert quiet is not None
    assert (quiet.begin, quiet.end) == (time(22), time(6, 30))


@pytest.mark.wild(area="console", given="`muted_until` without a zone", right="UTC, as everywhere in the rules")
def test_a_mute_without_a_zone_is_in_utc():
    told = "{channels: {x: {kind: slack, url: 'http://x'}}, rules: [{to: [x], muted_until: 2026-03-01 10:00:00}]}"
    rules = Rules.model_validate(yaml.safe_load(told))
    assert rules.route("plant", "harm", datetime(2026, 3, 1, 9, 59, tzinfo=UTC)) == {}
    assert set(rules.route("plant", "harm", datetime(2026, 3, 1, 10, tzinfo=UTC))) == {"x"}


@pytest.mark.wild(area="console", given="a mail server that offers no encryption, and a password", right="not sent")
def test_a_password_is_never_sent_in_the_clear(tmp_path: Path):
    (tmp_path / "password").write_text("s3cret")
    heard: list[bytes] = []

    class Plain(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 plain\r\n")
            while line := self.rfile.readline():
                heard.append(line)
                self.wfile.write(b"250 plain\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        channel = Channel.model_validate(
            {
                "kind": "mail", "host": f"127.0.0.1:{server.server_address[1]}", "from": "a@x", "to": ["b@x"],
                "user": "me", "password_file": str(tmp_path / "password"),
            }
        )  # fmt: skip
        told = Telling("mail", "open", "id", "title", "text", "page", "plant", "harm", None)
        with pytest.raises(ValueError, match="offers no encryption"):
            deliver(channel, told)
    assert [line.split()[0].lower() for line in heard] == [b"ehlo"]


class _Answers(http.server.BaseHTTPRequestHandler):
    """Redirects whatever is sent to `/moved`; takes the rest, and says what came."""

    came: ClassVar[list[tuple[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(body.decode())

    def do_GET(self) -> None:
        self._answer("")

    def _answer(self, body: str) -> None:
        if self.path.startswith("/moved/"):
            self.send_response(int(self.path.split("/")[2]))
            self.send_header("Location", "/login")
        else:
            self.came.append((self.command, body))
            self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver():
    _Answers.came.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


TELLING = Telling("ops", "open", "i-1", "harm", "text", "page", "plant", "harm", None)


def to_webhook(address: str, _: Path) -> None:
    deliver(Channel(kind="webhook", url=address), TELLING)


def to_slack(address: str, _: Path) -> None:
    deliver(Channel(kind="slack", url=address), TELLING)


def to_lineage(address: str, _: Path) -> None:
    OpenLineageSender(address, CollectorRegistry(), sleep=lambda _seconds: None)({"job": {"name": "a"}})


def to_console(address: str, _: Path) -> None:
    ConsoleWay(address, None).post("/api/models/plant/commands", {})


def to_a_model_server(address: str, _: Path) -> None:
    Caller(address, 5.0).ask("", {"inputs": []})


@pytest.mark.wild(
    area="console",
    given="an address that redirects (a proxy to https, a login page): of a channel, of lineage, of a model server",
    right="nothing is delivered, and that is said; the page behind it is not taken for an answer",
)
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("send", [to_webhook, to_slack, to_lineage, to_console, to_a_model_server])
def test_what_is_sent_is_not_delivered_to_a_redirect(receiver: str, send: Any, code: int, tmp_path: Path):
    with pytest.raises(Exception, match=f"{code}.*, to another path of {receiver}: nothing is sent"):
        send(f"{receiver}/moved/{code}", tmp_path)
    assert _Answers.came == []


@pytest.mark.parametrize(("code", "unsure"), [(301, False), (302, True), (303, True), (307, False), (308, False)])
def test_a_receiver_that_takes_and_then_leads_elsewhere_is_not_told_for_three_days(
    receiver: str, code: int, unsure: bool, tmp_path: Path
):
    with pytest.raises(UnsureError if unsure else HTTPError):
        to_webhook(f"{receiver}/moved/{code}", tmp_path)


def test_a_question_follows_a_redirect(receiver: str):
    assert Server(f"{receiver}/moved").ask("GET", "/302").ok
    assert Server(f"{receiver}/moved").ask("POST", "/302", {}).status == 302
    assert _Answers.came == [("GET", "")]


@pytest.mark.wild(
    area="console",
    given="a webhook whose signing key is an empty file",
    right="nothing is sent, and that is said; it would go unsigned",
)
def test_an_empty_secret_is_no_secret(receiver: str, tmp_path: Path):
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        deliver(Channel(kind="webhook", url=receiver, key_file=str(tmp_path / "key")), TELLING)
    assert _Answers.came == []


@pytest.mark.wild(
    area="console",
    given="quiet hours until 24:00, with quotes or without; quiet hours of a whole day",
    right="midnight (24:00 was read as 00:24); the latter are refused",
)
@pytest.mark.parametrize("text", ["until: 24:00", "until: '24:00'", "until: '00:00'"])
def test_24_00_is_midnight(text: str):
    quiet = Quiet.model_validate({**yaml.safe_load("from: 22:00"), **yaml.safe_load(text)})
    assert (quiet.begin, quiet.end) == (time(22), time(0))
    assert quiet.over_at(datetime(2026, 3, 1, 23, tzinfo=UTC)) == datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("text", ["until: 24:00", "until: '24:00'"])
def test_quiet_hours_of_a_whole_day_never_end(text: str):
    with pytest.raises(ValueError, match="never end"):
        Quiet.model_validate({"from": "00:00", **yaml.safe_load(text)})


@pytest.mark.wild(
    area="console",
    given="a digest, a report or probes on a day that does not exist (31 April)",
    right="refused; it would never come",
)
def test_a_schedule_of_no_day_is_refused():
    for make in (
        lambda cron: Rule(to=("ops",), digest=cron),
        lambda cron: ReportPlan(cron=cron),
        lambda cron: Settings(probe_schedule=cron),
    ):
        make("0 6 29 2 *")
        with pytest.raises(ValueError, match="there is no such day"):
            make("0 6 31 4 *")


class LateView(MemoryPort):
    """What is published comes into the view a little later, as it does from a broker."""

    async def publish(self, outgoing: Sequence[Outgoing]) -> None:
        for one in outgoing:
            self.log.append(one.topic, key=one.key, value=one.value, headers=one.headers)
        asyncio.get_running_loop().call_later(0.05, self.follow)


@pytest.mark.wild(
    area="console",
    given="a spec that is applied, changed and put back within a blink",
    right="three versions, the last one holds; the third was taken for no change, and two were of one number",
)
def test_each_spec_is_compared_with_the_one_before(serve: Serve):
    served = serve([], open_access=True)
    served.desk.port = LateView(served.port.log, served.desk)
    spec = {"model_id": "quick", "task": "binary", "features": {"x": {}}, "target": {"y": {"kind": "category"}}}
    texts = [json.dumps(spec | {"task": task}) for task in ("binary", "multiclass", "binary")]
    told = [served("POST", "/api/specs", {"text": text}).json for text in texts]
    assert [(one["spec_version"], one["changed"]) for one in told] == [(1, True), (2, True), (3, True)]
    kept = [json.loads(one.value()) for one in served.port.log.records(topics.MODEL_SPECS)]
    assert [(one["spec_version"], one["spec"]["task"]) for one in kept] == [
        (1, "binary"), (2, "multiclass"), (3, "binary"),
    ]  # fmt: skip


def test_specs_that_are_applied_at_once_have_a_number_each(serve: Serve):
    served = serve([], open_access=True)
    served.desk.port = LateView(served.port.log, served.desk)
    spec = {"model_id": "quick", "task": "binary", "features": {"x": {}}, "target": {"y": {"kind": "category"}}}
    texts = [json.dumps(spec | {"features": {f"x{n}": {}}}) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda text: served("POST", "/api/specs", {"text": text}).json, texts))
    assert sorted(one["spec_version"] for one in told) == [1, 2, 3, 4]


@pytest.mark.wild(
    area="console",
    given="a mute of a model that is not there (a typing error)",
    right="refused as any call for it; a pattern, and the lifting of a mute, are taken",
)
def test_nobody_is_muted_by_a_name_that_no_model_has(serve: Serve):
    served = serve(open_access=True)
    asked = {"seconds": 60, "reason": "r"}
    assert served("POST", "/api/mutes", {**asked, "models": "plnat"}).status == 404
    assert served("POST", "/api/mutes", {**asked, "models": "pl*"}).status == 202
    assert served("POST", "/api/mutes", {**asked, "models": "plnat", "seconds": None}).status == 202
