"""The pages, as the server renders them: every view, forms, log-in and what a page never does."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from driftloop.contracts import topics

from .conftest import RUN, START, TOKENS, Served, decision, event, story

Serve = Callable[..., Served]
VIEWS = [
    "/", "/?health=harmed", "/models/plant", "/models/plant/versions/1.0.1", "/runs", f"/runs/{RUN}", "/dead-letters",
    "/dead-letters?error_class=ValidationError", "/dead-letters/0:1", "/rows?model=plant",
]  # fmt: skip


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_is_shown_and_asks_nobody_else(serve: Serve, path: str):
    answer = serve(open_access=True)("GET", path, Accept="text/html")
    assert answer.status == 200
    assert re.findall(r"(?:src|href|action)=[\"'](?!/|#)", answer.text) == []
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/", "/models/plant", "/runs", "/dead-letters"])
def test_an_empty_log_is_shown_too(serve: Serve, path: str):
    answer = serve([], open_access=True)("GET", path, Accept="text/html")
    assert answer.status == (404 if path == "/models/plant" else 200)
    assert "<h1>" in answer.text


def test_a_model_that_is_only_declared_is_shown(serve: Serve):
    assert serve(story()[:1], open_access=True)("GET", "/models/plant").status == 200


def test_a_model_shows_its_loss_with_what_happened_on_it(serve: Serve):
    text = serve(open_access=True)("GET", "/models/plant").text
    assert re.findall(r'class="mark (\w+)"', text) == ["harm", "retrain"]
    assert "driftloop retrain plant --reason" in text


def form(served: Served, path: str, **fields: str) -> str:
    page = served("GET", path).text
    token = re.search(r'name="form_token" value="(\w+)"', page)
    assert token is not None
    return urlencode({"form_token": token[1], **fields})


def test_an_approval_goes_from_the_page_to_the_log(serve: Serve):
    served = serve(open_access=True)
    served.port.answer = lambda command: decision(
        "plant", 80, "promote", "approval", "approved", candidate="1.0.1", caused_by=(command.message_id,)
    )
    sent = form(served, "/models/plant", command="approve", version="1.0.1", reason="looks right", key="k")
    answers = [served("POST", "/models/plant/commands", sent) for _ in range(2)]
    (command,) = served.commands()
    assert (command.command, command.version, command.reason) == ("approve", "1.0.1", "looks right")
    assert [answer.status for answer in answers] == [303, 303]
    assert f"sent={command.message_id}" in answers[0].headers["Location"]


def test_a_form_of_another_page_is_refused(serve: Serve):
    served = serve(open_access=True)
    sent = urlencode({"command": "freeze", "reason": "r", "form_token": "0" * 64})
    assert served("POST", "/models/plant/commands", sent).status == 403
    assert served.commands() == []


def test_dead_letters_are_sent_once_more_from_the_page(serve: Serve):
    served = serve(open_access=True)
    assert served("POST", "/dead-letters/replay", form(served, "/dead-letters", place="0:2")).status == 303
    assert [record.key() for record in served.port.log.records(topics.PREDICTION_OUTCOMES)] == [b"p2"]


def log_in(served: Served, token: str) -> str:
    answer = served("POST", "/login", urlencode({"token": token, "to": "/models/plant"}))
    assert (answer.status, answer.headers["Location"]) == (303, "/models/plant")
    cookie = str(answer.headers["Set-Cookie"])
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    return cookie.partition(";")[0]


def test_who_is_not_logged_in_is_led_to_the_way_in(serve: Serve):
    served = serve()
    answer = served("GET", "/models/plant", Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (303, "/login?to=/models/plant")
    assert served("POST", "/login", urlencode({"token": "dlt_wrong"})).status == 401


def test_a_log_in_lasts_until_it_ends_or_is_ended(serve: Serve):
    now = [START]
    served = serve(clock=lambda: now[0])
    cookie = log_in(served, TOKENS["viewer"])
    assert served("GET", "/", Cookie=cookie).status == 200
    now[0] += timedelta(hours=13)
    assert served("GET", "/", Cookie=cookie).status == 401
    again = log_in(served, TOKENS["viewer"])
    served("POST", "/logout", "", Cookie=again)
    assert served("GET", "/", Cookie=again).status == 401


def test_a_viewer_is_offered_nothing_to_send(serve: Serve):
    served = serve()
    page = served("GET", "/models/plant", Cookie=log_in(served, TOKENS["viewer"])).text
    assert 'action="/models/plant/commands"' not in page


def test_a_log_in_never_leads_to_another_site(serve: Serve):
    served = serve()
    for to in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = served("POST", "/login", urlencode({"token": TOKENS["viewer"], "to": to}))
        assert answer.headers["Location"] == "/"


def test_what_a_producer_wrote_is_text_and_never_markup(serve: Serve):
    nasty = event("plant", 31, "rejected", "1.0.1").model_copy(update={"reason": "<img src=x onerror=alert(1)>"})
    served = serve([*story(), (topics.MODEL_EVENTS, nasty)], open_access=True)
    assert "<img" not in served("GET", "/models/plant").text
    assert "<script>" not in served("GET", "/dead-letters/0:1").text


def test_a_page_elsewhere_cannot_log_anybody_in(serve: Serve):
    sent = urlencode({"token": TOKENS["viewer"]})
    assert serve()("POST", "/login", sent, Origin="http://evil.example").status == 403


def test_a_form_says_what_was_seen_when_it_was_rendered(serve: Serve):
    waiting = decision("plant", 61, "wait", "approval", "a run waits for a person's `approve`")
    page = serve([*story(), (topics.RETRAIN_DECISIONS, waiting)], open_access=True)("GET", "/models/plant").text
    forms = {
        (hidden["command"], hidden.get("version"), hidden.get("about"), hidden.get("seen_champion"))
        for form in re.findall(r"<form.*?</form>", page, re.DOTALL)
        if (hidden := dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))).get("command")
    }
    assert ("roll_back", None, None, "1.0.0") in forms
    assert {form for form in forms if form[0] == "approve"} <= {
        ("approve", None, "run", None), ("approve", "1.0.1", "version", None),
    }  # fmt: skip
    assert any(form[0] == "approve" for form in forms)
