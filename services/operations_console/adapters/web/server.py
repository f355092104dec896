"""The web application: API, pages, health and metrics behind one door."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from operations_console.adapters.web.api import DESK, add_api
from operations_console.adapters.web.desk import Desk
from operations_console.adapters.web.door import PRINCIPAL, Door, Next, add_headers
from operations_console.adapters.web.pages import DOOR, add_pages, show_problems
from operations_console.core.problems import ProblemError

LARGEST_REQUEST = 1 << 20


def web_app(desk: Desk, door: Door, registry: CollectorRegistry, alive: Callable[[], bool]) -> web.Application:
    """All that answers over HTTP. `alive` says whether the tail of the log turns."""
    app = web.Application(middlewares=[show_problems, door.middleware, when_whole], client_max_size=LARGEST_REQUEST)
    app[DESK], app[DOOR] = desk, door
    app.on_response_prepare.append(add_headers)
    add_api(app)
    add_pages(app)

    async def livez(_request: web.Request) -> web.Response:
        return _yes_or_no(alive(), "the tail of the log stands still")

    async def readyz(_request: web.Request) -> web.Response:
        return _yes_or_no(desk.whole and desk.live, "the view is still being loaded")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


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
