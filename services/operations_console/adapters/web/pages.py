"""The pages: the same handlers' answers, rendered by the server."""

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError

from operations_console.adapters.web import asking, reading
from operations_console.adapters.web.api import DESK, understood_path
from operations_console.adapters.web.desk import Call, Desk, model_of, visible
from operations_console.adapters.web.door import (
    BY_COOKIE,
    COOKIE,
    PRINCIPAL,
    SESSION_HOURS,
    Door,
    look_at_origin,
    refused,
    remote_of,
    require,
)
from operations_console.core import telling
from operations_console.core.access import Principal
from operations_console.core.asked import CommandAsked, ReplayAsked
from operations_console.core.command_lines import command_line
from operations_console.core.problems import ProblemError, unprocessable
from operations_console.core.view.charts import loss_chart

HERE = Path(__file__).parent
DOOR: web.AppKey[Door] = web.AppKey("door", Door)
_SHOWN = 40
_WAIT_SECONDS = 3.0


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals["draw"] = lambda: secrets.token_urlsafe(16)
    return made


TEMPLATES = _environment()


def add_pages(app: web.Application) -> None:
    """Register every page."""
    app.router.add_static("/static/", HERE / "static")
    app.router.add_get("/", fleet)
    app.router.add_get("/rows", rows)
    app.router.add_get("/models/{model_id}", model)
    app.router.add_post("/models/{model_id}/commands", send)
    app.router.add_get("/models/{model_id}/versions/{version}", version)
    app.router.add_get("/runs", runs)
    app.router.add_get("/runs/{run_id}", run)
    app.router.add_get("/dead-letters", letters)
    app.router.add_get("/dead-letters/{place}", letter)
    app.router.add_post("/dead-letters/replay", replay)
    app.router.add_get("/login", login_form)
    app.router.add_post("/login", login)
    app.router.add_post("/logout", logout)


@web.middleware
async def show_problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Show people a page instead of JSON, and the way in where they are not logged in."""
    answer: web.StreamResponse = await handler(request)
    wants_page = "text/html" in request.headers.get("Accept", "") or "X-Requested-With" in request.headers
    if answer.status < 400 or not wants_page or request.path.startswith("/api/"):
        return answer
    if answer.status == 401 and request.method == "GET":
        raise web.HTTPSeeOther(f"/login?to={quote(request.path_qs)}")
    if not isinstance(answer, web.Response) or answer.content_type != "application/problem+json":
        return answer
    problem = json.loads(answer.text or "{}")
    text = _rendered(request, "problem.html", problem=problem)
    return web.Response(text=text, status=answer.status, content_type="text/html", headers=_kept(answer))


def _kept(answer: web.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in ("Retry-After", "Allow") if name in answer.headers}


def _rendered(request: web.Request, name: str, **facts: Any) -> str:
    principal = request.get(PRINCIPAL)
    desk = request.app[DESK]
    shared = {
        "principal": principal,
        "view": "",
        "events": "",
        "whole": desk.whole,
        "form_token": _form_token(request),
        "may_operate": principal is not None and principal.may("operator"),
        "may_approve": principal is not None and principal.may("approver"),
    }
    return TEMPLATES.get_template(name).render({**shared, **facts})


def _page(request: web.Request, name: str, **facts: Any) -> web.Response:
    return web.Response(text=_rendered(request, name, **facts), content_type="text/html")


def _form_token(request: web.Request) -> str:
    return request.app[DOOR].sessions.form_token(request.cookies.get(COOKIE, ""))


def _call(request: web.Request, **parts: Any) -> Call:
    principal: Principal = request[PRINCIPAL]
    return Call(principal, remote_of(request), "page", path=understood_path(request), **parts)


def _desk(request: web.Request) -> Desk:
    return request.app[DESK]


async def fleet(request: web.Request) -> web.Response:
    """Every model, what needs a person first."""
    health = request.query.get("health")
    try:
        query = reading.FleetQuery.model_validate({"health": health or None})
    except ValidationError as error:
        raise unprocessable(f"health: {error.errors()[0]['msg']}") from error
    told = await reading.fleet(_desk(request), _call(request, query=query))
    return _page(request, "fleet.html", view="fleet", fleet=told, health=health, events="/api/events")


async def rows(request: web.Request) -> web.Response:
    """Some rows of the fleet's table, for the script that puts them in place."""
    desk, call, names = _desk(request), _call(request), set(request.query.getall("model", []))
    found = [desk.glances.of(one)[1] for one in visible(desk, call) if one.model_id in names]
    return _page(request, "rows.html", models=found)


async def model(request: web.Request) -> web.Response:
    """A model in full."""
    desk, call = _desk(request), _call(request)
    known = model_of(desk, call)
    told = telling.detail_told(known)
    sent = known.commands.get(request.query.get("sent", ""))
    moved = sorted(told.attribution.items(), key=lambda one: -(one[1] or 0.0))[:12]
    decisions = [
        {"told": one, "line": command_line(entry.head)}
        for one, entry in zip(
            telling.decisions_told(known, _SHOWN).decisions, known.decisions.newest(_SHOWN), strict=True
        )
    ]
    return _page(
        request, "model.html", view="model", m=told.model_copy(update={"attribution": moved}), chart=loss_chart(known),
        mutes=reading.mutes_seen(desk, call, known.model_id),
        declared_segments=json.loads(known.spec).get("segments", ()) if known.spec else (),
        versions=telling.versions_told(known).versions, decisions=decisions,
        signals=telling.signals_told(known, _SHOWN).signals, challenges=telling.challenges_told(known).challenges,
        runs=[telling.run_told(known, one) for one in known.recent_runs()[:20]],
        commands=[telling.command_told(known, one.head) for one in known.commands.newest(20)],
        sent=telling.command_told(known, sent.head) if sent else None,
        may_operate=call.principal.may("operator", known.model_id),
        may_approve=call.principal.may("approver", known.model_id),
        events=f"/api/events?model_id={known.model_id}",
    )  # fmt: skip


async def version(request: web.Request) -> web.Response:
    """Where a version comes from."""
    call = _call(request)
    story = await reading.lineage(_desk(request), call)
    may = call.principal.may("approver", call.path["model_id"])
    return _page(request, "version.html", story=story, model_id=call.path["model_id"], may_approve=may)


async def runs(request: web.Request) -> web.Response:
    """Runs of the fleet."""
    told = await reading.all_runs(_desk(request), _call(request, query=reading.NewestQuery(limit=100)))
    return _page(request, "runs.html", view="runs", runs=told.runs, events="/api/events")


async def run(request: web.Request) -> web.Response:
    """A run with its steps."""
    told = await reading.run(_desk(request), _call(request))
    return _page(request, "run.html", view="runs", run=told, events=f"/api/events?model_id={told.model_id}")


async def letters(request: web.Request) -> web.Response:
    """Dead letters by reason."""
    chosen = request.query.get("error_class") or None
    query = reading.LettersQuery.model_construct(error_class=chosen, limit=200)
    told = await reading.letters(_desk(request), _call(request, query=query))
    counts = sorted(told.counts.items(), key=lambda one: -one[1])
    sent = request.query.get("sent")
    shown = int(sent) if sent and sent.isascii() and sent.isdigit() and len(sent) < 9 else None
    return _page(
        request, "letters.html", view="letters", letters=told.letters, counts=counts, chosen=chosen, sent=shown
    )


async def letter(request: web.Request) -> web.Response:
    """A dead letter whole."""
    require(request[PRINCIPAL], "operator")
    told = await reading.letter(_desk(request), _call(request))
    return _page(request, "letter.html", view="letters", l=told)


# -- what changes something -----------------------------------------------------------------------


async def _form(request: web.Request) -> Any:
    """The fields of a form of this session; raises 403 for one that is not."""
    fields = await request.post()
    if request[BY_COOKIE] and fields.get("form_token") != _form_token(request):
        raise ProblemError(403, "Form out of date", "Load the page again, and send the form from there.")
    return fields


async def send(request: web.Request) -> web.Response:
    """Send a command, and show the model with what came of it."""
    fields = await _form(request)
    require(request[PRINCIPAL], "operator")
    try:
        asked = CommandAsked(
            command=fields.get("command", ""),
            reason=fields.get("reason", ""),
            version=fields.get("version") or None,
            seen_champion=fields.get("seen_champion") or None,
            about=fields.get("about") or None,
            wait_seconds=_WAIT_SECONDS,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise unprocessable(f"{first['loc'][0]}: {first['msg']}") from error
    call = _call(request, body=asked, key=str(fields.get("key") or "") or None)
    told = await asking.order(_desk(request), call)
    raise web.HTTPSeeOther(f"/models/{quote(told.model_id)}?sent={told.command_id}")


async def replay(request: web.Request) -> web.Response:
    """Send dead letters once more."""
    fields = await _form(request)
    require(request[PRINCIPAL], "operator")
    try:
        asked = ReplayAsked(places=tuple(str(place) for place in fields.getall("place", [])))
    except ValidationError as error:
        raise unprocessable("Choose at least one dead letter, and at most 500.") from error
    told = await asking.replay(_desk(request), _call(request, body=asked))
    raise web.HTTPSeeOther(f"/dead-letters?sent={told.sent}")


async def login_form(request: web.Request) -> web.Response:
    """Ask for a token."""
    return _page(request, "login.html", wrong=None, to=_safe(request.query.get("to")))


async def login(request: web.Request) -> web.Response:
    """Exchange a token for a session's cookie."""
    look_at_origin(request)
    fields = await request.post()
    door, to = request.app[DOOR], _safe(str(fields.get("to", "/")))
    if door.identity is None:
        raise web.HTTPSeeOther("/")
    try:
        principal = await door.by_token(request, str(fields.get("token", "")).strip())
    except ProblemError as error:
        if error.problem.status != 401:
            return refused(error)
        page = _rendered(request, "login.html", wrong=error.problem.detail, to=to)
        return web.Response(text=page, status=401, content_type="text/html")
    answer = web.HTTPSeeOther(to)
    answer.set_cookie(
        COOKIE, door.sessions.open(principal), max_age=SESSION_HOURS * 3600, httponly=True, samesite="Strict",
        secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https", path="/",
    )  # fmt: skip
    raise answer


async def logout(request: web.Request) -> web.Response:
    """End the session."""
    look_at_origin(request)
    request.app[DOOR].sessions.close(request.cookies.get(COOKIE, ""))
    answer = web.HTTPSeeOther("/login")
    answer.del_cookie(COOKIE, path="/")
    raise answer


def _safe(to: str | None) -> str:
    """A path of ours to go to after the log-in; never another site's."""
    return to if to and to.startswith("/") and not to.startswith(("//", "/\\")) else "/"
