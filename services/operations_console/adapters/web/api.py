"""Answers the table of routes over HTTP: understands a request, calls its handler, writes the answer."""

import asyncio
import contextlib
import json
import re
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from operations_console.adapters.web.desk import Call, Desk
from operations_console.adapters.web.door import BY_COOKIE, PRINCIPAL, remote_of, require
from operations_console.adapters.web.hub import Numbered
from operations_console.adapters.web.openapi import EVENTS_PATH, KEY_PATTERN, PATH_SCHEMAS, document
from operations_console.adapters.web.routes import ROUTES, Route
from operations_console.core.access import Principal
from operations_console.core.problems import ProblemError, not_found, unprocessable
from operations_console.core.told import EventTold

HEARTBEAT_SECONDS = 15.0
DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)


def add_api(app: web.Application) -> None:
    """Register every call, the stream of events, and the document that describes them."""
    text = _described()
    for route in ROUTES:
        app.router.add_route(route.method, route.path, _answering(route), name=f"api-{route.name}")
    app.router.add_get(EVENTS_PATH, events, name="api-events", allow_head=False)

    async def openapi(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    app.router.add_get("/openapi.json", openapi)


@cache
def _described() -> str:
    """Made once in a process: the routes stay as they are, and it takes a tenth of a second."""
    return json.dumps(document(ROUTES))


def _answering(route: Route) -> Any:
    async def answer(request: web.Request) -> web.Response:
        call = await understood(request, route)
        told = await route.handler(request.app[DESK], call)
        return web.Response(text=told.model_dump_json(), status=route.status, content_type="application/json")

    return answer


async def understood(request: web.Request, route: Route) -> Call:
    """The request as a call; raises what is wrong with it."""
    principal = request[PRINCIPAL]
    require(principal, route.role)
    return Call(
        principal=principal,
        remote=remote_of(request),
        means="page" if request[BY_COOKIE] else "REST",
        path=understood_path(request),
        query=_query(request, route.query),
        body=await _body(request, route.body),
        key=_key(request) if route.keyed else None,
    )


def understood_path(request: web.Request) -> dict[str, str]:
    """The parameters in the path; one that has not got its form names nothing that is there."""
    found = dict(request.match_info)
    for name, value in found.items():
        pattern = PATH_SCHEMAS[name].get("pattern")
        if pattern is not None and re.fullmatch(pattern.rstrip("$"), value, re.ASCII) is None:
            raise not_found(f"{value!r} is no {name.replace('_', ' ')}.")
    return found


def _query(request: web.Request, kind: type[BaseModel] | None) -> BaseModel | None:
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise unprocessable(f"{name} is given twice.")
        values[name] = value
    if kind is None:
        return None
    return _validated(kind, lambda: kind.model_validate(values))


async def _body(request: web.Request, kind: type[BaseModel] | None) -> BaseModel | None:
    if kind is None:
        return None
    if request.content_type != "application/json":
        raise ProblemError(415, "Not JSON", "Send the body as application/json.")
    raw = await request.read()
    return _validated(kind, lambda: kind.model_validate_json(raw))


def _validated(kind: type[BaseModel], validate: Any) -> BaseModel:
    try:
        made: BaseModel = validate()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or kind.__name__
        raise unprocessable(f"{where}: {first['msg']}") from error
    return made


def _key(request: web.Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and re.fullmatch(KEY_PATTERN.rstrip("$"), key) is None:
        raise unprocessable("Idempotency-Key: 1 to 200 visible ASCII characters.")
    return key


async def events(request: web.Request) -> web.StreamResponse:
    """Changes as server-sent events, from `Last-Event-ID` on, until the client goes or the console ends."""
    desk, principal = request.app[DESK], request[PRINCIPAL]
    wanted = request.query.get("model_id")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    with desk.hub.follow() as queue, contextlib.suppress(ConnectionResetError):
        missed = desk.hub.history.since(request.headers.get("Last-Event-ID"))
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        if not missed:
            await response.write(_event(desk.hub.history.last_id, "reset" if missed is None else "hello", "{}"))
        for numbered in missed or []:
            await _tell(response, principal, wanted, numbered)
        while True:
            try:
                news = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if news is None:
                break
            await _tell(response, principal, wanted, news)
    return response


async def _tell(response: web.StreamResponse, principal: Principal, wanted: str | None, numbered: Numbered) -> None:
    """Write a change, if its model may be seen and is asked for."""
    number, change = numbered
    if principal.sees(change.model_id) and wanted in (None, change.model_id):
        told = EventTold(
            topic=change.topic, model_id=change.model_id, message_id=change.message_id, line=change.line
        )  # fmt: skip
        await response.write(_event(number, "change", told.model_dump_json()))


def _event(number: str, kind: str, data: str) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()
