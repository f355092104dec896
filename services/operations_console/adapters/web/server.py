"""The web application: API, pages, health and metrics behind one door."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from operations_console.adapters.web.api import DESK, add_api
from operations_console.adapters.web.desk import Desk
from operations_console.adapters.web.door import PRINCIPAL, PROXIES, Door, Next, add_headers
from operations_console.adapters.web.openapi import EVENTS_PATH
from operations_console.adapters.web.pages import DOOR, add_pages, show_problems
from operations_console.core.problems import ProblemError
from operations_console.metrics import ConsoleMetrics

LARGEST_REQUEST = 1 << 20


def web_app(desk: Desk, door: Door, metrics: ConsoleMetrics, alive: Callable[[], bool]) -> web.Application:
    """All that answers over HTTP. `alive` says whether the process does its work."""
    counted = _counted(metrics)
    app = web.Application(
        middlewares=[counted, show_problems, door.middleware, when_whole], client_max_size=LARGEST_REQUEST
    )
    app[DESK], app[DOOR], app[PROXIES] = desk, door, door.proxies
    app.on_response_prepare.append(add_headers)
    add_api(app)
    add_pages(app)

    async def livez(_request: web.Request) -> web.Response:
        return _yes_or_no(alive(), "the tail of the log stands still")

    async def readyz(_request: web.Request) -> web.Response:
        return _yes_or_no(desk.whole and desk.live, "the view is still being loaded")

    async def shown_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", shown_metrics)
    return app


def _counted(metrics: ConsoleMetrics) -> Any:
    @web.middleware
    async def count(request: web.Request, handler: Next) -> web.StreamResponse:
        began, status = time.monotonic(), 500
        try:
            answer = await handler(request)
            status = answer.status
        except web.HTTPException as error:
            status = error.status
            raise
        else:
            return answer
        finally:
            metrics.requests.labels(request.method, str(status)).inc()
            if request.path != EVENTS_PATH:
                metrics.request_seconds.observe(time.monotonic() - began)

    return count


@web.middleware
async def when_whole(request: web.Request, handler: Next) -> web.StreamResponse:
    """Show nothing of a view that is half loaded."""
    if not request.app[DESK].whole and PRINCIPAL in request:
        raise ProblemError(503, "Still loading", "The view is being read from the log.", {"Retry-After": "2"})
    return await handler(request)


def _yes_or_no(good: bool, why: str) -> web.Response:
    if good:
        return web.Response(text="ok\n")
    raise ProblemError(503, "Not yet", f"{why[0].upper()}{why[1:]}.")
