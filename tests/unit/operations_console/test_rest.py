"""REST: what each call answers, what it puts on the log, and what it refuses."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from driftloop.artifacts.storage import Storage
from driftloop.contracts import topics
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.prediction_labels import PredictionLabel
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.signed_commands import drawn_key, is_signed, public_key, signed
from operations_console.adapters.web.routes import ROUTES

from .conftest import RUN, SPEC, START, TOKENS, Served, decision, event

Serve = Callable[..., Served]
OPERATOR, APPROVER, VIEWER = TOKENS["operator"], TOKENS["approver"], TOKENS["viewer"]
COMMANDS = "/api/models/plant/commands"
BODIES: dict[str, Any] = {
    "/api/models/{model_id}/commands": {"command": "freeze", "reason": "r"},
    "/api/dead-letters/replay": {"places": ["0:0"]},
    "/api/feedback": {"prediction_id": "p", "model_id": "plant", "label": 1},
}
WRITES = [route for route in ROUTES if route.method == "POST"]


def path_of(route: Any) -> str:
    return str(route.path.replace("{model_id}", "plant"))


@pytest.mark.parametrize("route", WRITES, ids=lambda route: route.name)
@pytest.mark.parametrize("token", [None, "dlt_wrong", TOKENS["old"]], ids=["none", "wrong", "expired"])
def test_nothing_is_changed_without_a_valid_token(serve: Serve, route: Any, token: str | None):
    served = serve()
    before = {topic: served.port.log.end((topic, 0)) for topic in topics.topics()}
    answer = served(route.method, path_of(route), BODIES.get(route.path, {"reason": "r"}), token=token)
    assert answer.status == 401
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert {topic: served.port.log.end((topic, 0)) for topic in topics.topics()} == before


@pytest.mark.parametrize("route", [r for r in WRITES if r.role != "viewer"], ids=lambda route: route.name)
def test_a_viewer_changes_nothing(serve: Serve, route: Any):
    assert serve()(route.method, path_of(route), BODIES.get(route.path, {"reason": "r"}), token=VIEWER).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/api/fleet", "/api/fleet?health=harmed", "/api/models/plant", "/api/models/plant/versions",
        "/api/models/plant/versions/1.0.1", "/api/models/plant/signals", "/api/models/plant/decisions",
        "/api/models/plant/decisions?action=refuse", "/api/models/plant/runs", "/api/runs", f"/api/runs/{RUN}",
        "/api/models/plant/challenges", COMMANDS, "/api/dead-letters", "/api/models/plant/spec",
        "/api/adaptive/plant/summary", "/api/registry/statistics", f"/api/jobs/{RUN}",
    ],
)  # fmt: skip
def test_a_viewer_reads_everything(serve: Serve, path: str):
    answer = serve()("GET", path, token=VIEWER)
    assert answer.status == 200, answer.text


def test_the_statistics_of_the_registry_have_the_losses_of_its_runs(serve: Serve):
    told = serve()("GET", "/api/registry/statistics", token=VIEWER).json
    assert (told["runs"], told["mean_validation_loss"], told["best_validated"]) == (
        1,
        {"plant": 0.08},
        {"plant": "1.0.1"},
    )
    assert told["first_run_at"] == told["last_run_at"] is not None


def test_the_statistics_have_the_room_that_versions_take_of_models_that_are_seen(serve: Serve):
    served = serve()
    assert served("GET", "/api/registry/statistics", token=VIEWER).json["storage_bytes"] is None
    served.desk.storage = lambda: Storage({"plant": {"1.0.0": 40, "1.0.1": 2}, "secret": {"1.0.0": 9}}, 5)
    told = served("GET", "/api/registry/statistics", token=VIEWER).json
    assert (told["storage_bytes"], told["version_bytes"]) == ({"plant": 42}, {"plant": {"1.0.0": 40, "1.0.1": 2}})
    served.desk.storage = lambda: "The store does not answer."
    told = served("GET", "/api/registry/statistics", token=VIEWER).json
    assert (told["storage_bytes"], told["storage_problem"]) == (None, "The store does not answer.")


def test_the_fleet_says_how_a_model_stands_and_what_waits(serve: Serve):
    fleet = serve()("GET", "/api/fleet", token=VIEWER).json
    (model,) = fleet["models"]
    assert (model["model_id"], model["health"], model["champion"]) == ("plant", "harmed", "1.0.0")
    assert (model["waits"][0]["kind"], model["waits"][0]["version"]) == ("challenger", "1.0.1")
    assert (fleet["waiting"], fleet["dead_letters"], fleet["whole"]) == (1, 3, True)


def test_lineage_goes_from_the_signal_to_the_version(serve: Serve):
    story = serve()("GET", "/api/models/plant/versions/1.0.1", token=VIEWER).json
    assert [one["kind"] for one in story["signals"]] == ["error"]
    assert (story["decision"]["action"], story["run"]["status"]) == ("retrain", "succeeded")
    assert [one["event"] for one in story["events"]] == ["registered", "challenged"]


def test_a_command_is_on_the_log_with_who_asked_from_where_and_by_which_means(serve: Serve):
    served = serve()
    answer = served("POST", COMMANDS, {"command": "freeze", "reason": "an audit"}, token=OPERATOR)
    (sent,) = served.commands()
    assert (answer.status, answer.json["command_id"]) == (202, str(sent.message_id))
    assert (sent.command, sent.requested_by, sent.reason) == ("freeze", "operator", "an audit")
    (record,) = served.port.log.records(topics.MODEL_COMMANDS)
    assert dict(record.headers() or []) == {
        "driftloop.by": b"operator", "driftloop.from": b"127.0.0.1", "driftloop.means": b"console REST, token",
    }  # fmt: skip
    (told,) = served("GET", COMMANDS, token=VIEWER).json["commands"]
    assert (told["came_from"], told["means"]) == ("127.0.0.1", "console REST, token")


@pytest.mark.parametrize(("proxies", "seen"), [(0, "127.0.0.1"), (1, "10.0.0.9"), (2, "6.6.6.6"), (3, "127.0.0.1")])
def test_an_address_is_believed_as_far_as_ones_own_proxies_go(serve: Serve, proxies: int, seen: str):
    served = serve(proxies=proxies)
    body = BODIES["/api/models/{model_id}/commands"]
    told = served("POST", COMMANDS, body, token=OPERATOR, X_Forwarded_For="6.6.6.6, 10.0.0.9").json
    (listed,) = served("GET", COMMANDS, token=VIEWER).json["commands"]
    assert (told["came_from"], listed["came_from"]) == (seen, seen)


def test_a_command_is_signed_where_the_console_has_a_key(serve: Serve):
    served, key = serve(), drawn_key()
    served.desk.sign = partial(signed, private_key=key)
    for _ in range(2):
        served("POST", COMMANDS, {"command": "freeze", "reason": "r"}, token=OPERATOR, Idempotency_Key="k")
    (sent,) = served.commands()
    assert is_signed(sent, [public_key(key)])


def test_the_same_key_twice_is_one_command(serve: Serve):
    served = serve()
    first, again = (
        served("POST", COMMANDS, {"command": "freeze", "reason": "r"}, token=OPERATOR, Idempotency_Key="k1")
        for _ in range(2)
    )
    assert len(served.commands()) == 1
    assert first.json["command_id"] == again.json["command_id"]
    assert (first.json["repeated"], again.json["repeated"]) == (False, True)


def test_the_same_key_for_something_else_is_refused(serve: Serve):
    served = serve()
    served("POST", COMMANDS, {"command": "freeze", "reason": "r"}, token=OPERATOR, Idempotency_Key="k1")
    other = served("POST", COMMANDS, {"command": "unfreeze", "reason": "r"}, token=OPERATOR, Idempotency_Key="k1")
    assert (other.status, len(served.commands())) == (409, 1)


def test_the_same_key_of_somebody_else_is_another_command(serve: Serve):
    served = serve()
    for token in (OPERATOR, APPROVER):
        served("POST", COMMANDS, {"command": "freeze", "reason": "r"}, token=token, Idempotency_Key="k1")
    assert len({command.message_id for command in served.commands()}) == 2


def test_nothing_is_accepted_while_the_broker_is_away(serve: Serve):
    served = serve()
    served.port.away = True
    for path, body in (
        (COMMANDS, BODIES["/api/models/{model_id}/commands"]),
        ("/api/feedback", BODIES["/api/feedback"]),
    ):
        answer = served("POST", path, body, token=OPERATOR)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("command", ["promote", "approve", "veto", "roll_back", "register"])
def test_only_an_approver_decides_which_version_serves(serve: Serve, command: str):
    served = serve()
    body = {"command": command, "reason": "r", "version": "1.0.1"}
    assert served("POST", COMMANDS, body, token=OPERATOR).status == 403
    assert served("POST", COMMANDS, body, token=APPROVER).status == 202


def answered(command: ModelCommand) -> RetrainDecision:
    return decision(command.model_id, 40, "retrain", "manual", "asked for", caused_by=(command.message_id,))


def test_a_command_waits_for_its_decision_where_it_is_asked_to(serve: Serve):
    served = serve()
    served.port.answer = answered
    told = served("POST", COMMANDS, {"command": "retrain", "reason": "r", "wait_seconds": 5}, token=OPERATOR).json
    assert told["decision"]["action"] == "retrain"


def test_agent_outcomes_trigger_is_answered_as_its_api_was(serve: Serve):
    served = serve()
    served.port.answer = answered
    body = {"reason": "accuracy fell", "force_full_retrain": True}
    told = served("POST", "/api/performance/trigger-retraining", body, token=OPERATOR).json
    assert set(told) == {"status", "message", "result", "timestamp"}
    assert (told["status"], told["message"]) == ("success", "asked for")
    assert told["result"] == {
        "success": True, "model_type": "plant", "retrain_type": "full", "events_processed": 750, "duration_ms": 0.0,
    }  # fmt: skip
    assert served.commands()[0].full


def test_document_extraction_job_is_followed_from_the_command_to_the_run(serve: Serve):
    served = serve()
    job = served("POST", "/api/continuous-learning/plant/trigger", {"reason": "psi"}, token=OPERATOR).json
    assert served("GET", f"/api/jobs/{job['job_id']}", token=VIEWER).json["status"] == "waiting"
    cause = served.commands()[0].message_id
    served.say(
        topics.RETRAIN_DECISIONS, decision("plant", 41, "retrain", "manual", "ok", caused_by=(cause,), run_id=RUN)
    )
    told = served("GET", f"/api/jobs/{job['job_id']}", token=VIEWER).json
    assert (told["status"], told["run"]["version"]) == ("succeeded", "1.0.1")


def test_a_feedback_is_a_label_on_the_log(serve: Serve):
    served = serve()
    body = {"prediction_id": "p7", "model_id": "plant", "label": "yes", "feedback_score": 0.5}
    assert served("POST", "/api/feedback", body, token=OPERATOR).status == 202
    (record,) = served.port.log.records(topics.PREDICTION_LABELS)
    label = PredictionLabel.from_json(record.value() or b"")
    assert (record.key(), label.label, label.label_source, label.weight) == (b"p7", "yes", "user", 0.5)
    assert label.rating == 0.5
    assert label.labelled_at == START + timedelta(hours=2)


def test_a_feedback_without_a_label_is_a_rating_alone(serve: Serve):
    served = serve()
    body = {"prediction_id": "p7", "model_id": "plant", "feedback_score": 0}
    assert served("POST", "/api/feedback", body, token=OPERATOR).status == 202
    (record,) = served.port.log.records(topics.PREDICTION_LABELS)
    label = PredictionLabel.from_json(record.value() or b"")
    assert (record.key(), label.label, label.rating, label.weight) == (b"p7", None, 0.0, None)
    del body["feedback_score"]
    assert served("POST", "/api/feedback", body, token=OPERATOR).status == 422


def test_a_dead_letter_is_opened_whole_and_sent_once_more(serve: Serve):
    served = serve()
    whole = served("GET", "/api/dead-letters/0:1", token=OPERATOR).json
    assert (whole["value"], whole["headers"]) == ('{"bad": <script>}', {"content-type": "application/json"})
    assert served("POST", "/api/dead-letters/replay", {"places": ["0:1", "0:2"]}, token=OPERATOR).json == {"sent": 2}
    sent = served.port.log.records(topics.PREDICTION_OUTCOMES)
    assert [record.key() for record in sent] == [b"p1", b"p2"]
    assert served("POST", "/api/dead-letters/replay", {"places": ["0:9"]}, token=OPERATOR).status == 404


def test_a_spec_is_checked_compared_and_applied_once(serve: Serve):
    served = serve()
    text = {"text": str({**SPEC, "label_delay": {"expected_seconds": 60}})}
    assert served("POST", "/api/specs/validate", {"text": "model_id: ["}, token=VIEWER).json["valid"] is False
    differences = served("POST", "/api/specs/diff", text, token=VIEWER).json["differences"]
    assert differences == ["-  expected_seconds: 0.0", "+  expected_seconds: 60.0"]
    assert served("POST", "/api/specs", text, token=OPERATOR).status == 403
    first = served("POST", "/api/specs", text, token=APPROVER).json
    again = served("POST", "/api/specs", text, token=APPROVER).json
    assert (first["spec_version"], first["changed"], again["spec_version"], again["changed"]) == (2, True, 2, False)
    assert first["changes"] == [{"field": "label_delay.expected_seconds", "before": 0.0, "after": 60.0}]
    assert (first["created"], again["created"], again["changes"]) == (False, False, [])
    new = served("POST", "/api/specs", {"text": str({**SPEC, "model_id": "another"})}, token=APPROVER).json
    assert (new["created"], new["changed"], new["changes"]) == (True, True, [])


def test_problems_say_what_is_wrong(serve: Serve):
    served = serve()
    for path, wanted in (("/api/models/nobody", 404), ("/api/nowhere", 404), ("/api/fleet?limit=0", 422)):
        answer = served("GET", path, token=VIEWER)
        assert answer.status == wanted
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert set(answer.json) == {"type", "title", "status", "detail"}


def test_too_large_and_too_many_requests_are_refused(serve: Serve):
    served = serve(rate=3)
    large = {"text": "x" * (2 << 20)}
    assert served("POST", "/api/specs/validate", large, token=VIEWER).status == 413
    assert {served("GET", "/api/fleet", token=VIEWER).status for _ in range(8)} >= {429}


def test_wrong_tokens_are_slowed_down(serve: Serve):
    served = serve()
    assert [served("GET", "/api/fleet", token=f"dlt_{n}").status for n in range(7)].count(429) == 2


def test_open_access_is_for_this_machine_and_its_own_pages(serve: Serve):
    served = serve(open_access=True)
    body = {"command": "freeze", "reason": "r"}
    assert served("POST", COMMANDS, body).status == 202
    assert served("POST", COMMANDS, body, Origin="http://evil.example").status == 403
    assert served("POST", COMMANDS, body, Sec_Fetch_Site="cross-site").status == 403
    assert served("GET", "/api/fleet", Host="evil.example").status == 403
    assert served("POST", COMMANDS, "command=freeze", Content_Type="text/plain").status == 415


def test_every_answer_carries_the_headers_that_protect_it(serve: Serve):
    for path in ("/", "/api/fleet", "/openapi.json", "/api/nowhere"):
        headers = serve(open_access=True)("GET", path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_requests_are_counted(serve: Serve):
    served = serve()
    served("GET", "/api/fleet", token=VIEWER)
    served("GET", "/api/fleet")
    shown = served("GET", "/metrics").text
    assert 'driftloop_console_requests_total{method="GET",status="200"} 1.0' in shown
    assert 'driftloop_console_requests_total{method="GET",status="401"} 1.0' in shown


def test_health_is_answered_without_a_token(serve: Serve):
    served = serve()
    assert [served("GET", path).status for path in ("/livez", "/readyz", "/openapi.json", "/metrics")] == [200] * 4
    served.desk.whole = False
    assert [served("GET", path, token=VIEWER).status for path in ("/livez", "/readyz", "/api/fleet")] == [200, 503, 503]


def test_a_roll_back_after_a_roll_back_has_to_say_to_which_version(serve: Serve):
    served = serve()
    asked = {"command": "roll_back", "reason": "wrong"}
    assert served("POST", COMMANDS, asked, token=APPROVER, Idempotency_Key="ann").status == 202
    served.say(topics.MODEL_EVENTS, event("plant", 60, "rolled_back", "1.0.0", previous_version="1.0.1"))
    bob = served("POST", COMMANDS, asked, token=APPROVER, Idempotency_Key="bob")
    assert (bob.status, len(served.commands())) == (409, 1)
    assert "1.0.0 came back from 1.0.1 at" in bob.json["detail"]
    assert served("POST", COMMANDS, asked, token=APPROVER, Idempotency_Key="ann").json["repeated"]
    for named in ({"version": "0.9.0"}, {"seen_champion": "1.0.0"}):
        assert served("POST", COMMANDS, asked | named, token=APPROVER).status == 202
    assert served.commands()[-1].seen_champion == "1.0.0"
