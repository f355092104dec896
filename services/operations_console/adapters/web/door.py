"""The door: who comes in, how fast, how large, and what every answer carries.

Why the origin is looked at besides the cookie: a page elsewhere may make a browser send a form to a console on
loopback, where nobody has to log in. A browser says from where a request that changes something comes; what
comes from elsewhere is refused. A program that sends no origin has to show a token or to be on this machine.
"""

import asyncio
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from aiohttp import web

from driftloop.clock import Clock
from operations_console.adapters.web.identity import Identity
from operations_console.core.access import ANYBODY, Principal, RateLimit, Role
from operations_console.core.problems import CONTENT_TYPE, ProblemError

COOKIE = "driftloop_session"
PUBLIC = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/login", "/logout"})
SESSION_HOURS = 12
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
log = structlog.get_logger()
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]
PRINCIPAL: web.RequestKey[Principal] = web.RequestKey("principal", Principal)
PROXIES: web.AppKey[int] = web.AppKey("proxies", int)
"""How many proxies of one's own a request has passed; what is before them anybody may have written."""
BY_COOKIE: web.RequestKey[bool] = web.RequestKey("by_cookie", bool)


@dataclass(slots=True)
class Sessions:
    """Who is logged in by cookie. They live in this process: a restart logs everybody out."""

    clock: Clock
    _live: dict[str, Principal] = field(default_factory=dict)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def open(self, principal: Principal) -> str:
        """A new session's id."""
        now = self.clock()
        self._live = {key: one for key, one in self._live.items() if one.is_current(now)}
        until = now + timedelta(hours=SESSION_HOURS)
        ends = min(until, principal.expires_at) if principal.expires_at else until
        session = secrets.token_urlsafe(32)
        self._live[session] = Principal(principal.name, principal.role, principal.models, principal.means, ends)
        return session

    def principal(self, session: str, now: datetime) -> Principal | None:
        """Whose session it is, while it lasts."""
        found = self._live.get(session)
        return found if found is not None and found.is_current(now) else None

    def close(self, session: str) -> None:
        """Log out."""
        self._live.pop(session, None)

    def form_token(self, session: str) -> str:
        """What a form of that session must carry."""
        return hmac.new(self._secret, session.encode(), "sha256").hexdigest()


@dataclass(slots=True)
class Door:
    """Lets requests in. Without an `identity` everybody is (on loopback only: the settings see to that)."""

    identity: Identity | None
    sessions: Sessions
    clock: Clock
    requests: RateLimit
    logins: RateLimit
    proxies: int = 0
    hosts: frozenset[str] | None = None
    """Names that a request may be for; None: any. Set where access is open, against names that lead here."""

    @web.middleware
    async def middleware(self, request: web.Request, handler: Next) -> web.StreamResponse:
        """Every request passes here; every problem leaves here."""
        try:
            self._look_at_host(request)
            if request.path not in PUBLIC and not request.path.startswith("/static/"):
                await self._let_in(request)
            return await handler(request)
        except ProblemError as error:
            return refused(error)
        except web.HTTPRequestEntityTooLarge:
            return refused(ProblemError(413, "Too large", "The request is larger than 1 MB: send less at once."))
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            wrong = ProblemError(405, "Method not allowed", f"Allowed here: {allowed}.", {"Allow": allowed})
            return refused(wrong)
        except web.HTTPNotFound:
            return refused(ProblemError(404, "Not found", f"There is nothing at {request.path}: see /openapi.json."))
        except web.HTTPException:
            raise
        except Exception:
            log.exception("a request failed", method=request.method, path=request.path)
            return refused(ProblemError(500, "Failed", "The console failed on this request; its log says why."))

    async def _let_in(self, request: web.Request) -> None:
        principal, by_cookie = await self._who(request)
        if not self.requests.allows(principal.name + remote_of(request), time.monotonic()):
            raise ProblemError(429, "Too many requests", "Send fewer requests a second.", {"Retry-After": "1"})
        if request.method not in ("GET", "HEAD"):
            look_at_origin(request)
        request[PRINCIPAL], request[BY_COOKIE] = principal, by_cookie

    async def _who(self, request: web.Request) -> tuple[Principal, bool]:
        if self.identity is None:
            return ANYBODY, True
        header = request.headers.get("Authorization")
        if header is not None:
            return await self.by_token(request, header.removeprefix("Bearer ").strip()), False
        session = request.cookies.get(COOKIE)
        found = self.sessions.principal(session, self.clock()) if session else None
        if found is None:
            raise ProblemError(
                401, "Who are you?", "Send `Authorization: Bearer TOKEN`, or log in at /login.",
                {"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        return found, True

    async def by_token(self, request: web.Request, token: str) -> Principal:
        """Whose token it is; raises 401, and 429 where too many wrong ones came from there."""
        assert self.identity is not None
        found = await asyncio.to_thread(self.identity.principal, token, self.clock())
        if found is not None:
            return found
        if not self.logins.allows(remote_of(request), time.monotonic()):
            raise ProblemError(429, "Too many requests", "Too many wrong tokens: wait a minute.", {"Retry-After": "60"})
        raise ProblemError(
            401, "Token not known", "The token is not known or has expired: ask for another one.",
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )  # fmt: skip

    def _look_at_host(self, request: web.Request) -> None:
        name = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
        if self.hosts is not None and name not in self.hosts:
            raise ProblemError(
                403, "Not this host", f"Access is open here on loopback only, and {name} is another name."
            )


def look_at_origin(request: web.Request) -> None:
    """Raises 403 where a browser says that a request that changes something comes from another site."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or (origin is not None and origin.partition("://")[2] != request.host):
        raise ProblemError(403, "From another site", "This request was sent by a page that is not the console's.")


def require(principal: Principal, role: Role) -> None:
    """Raises 403 where the caller has not got the role."""
    if not principal.may(role):
        raise ProblemError(403, "Not allowed", f"{principal.name} has not got the role {role}: ask for another token.")


def remote_of(request: web.Request) -> str:
    """The address that a request came from, past the proxies that are known to stand before the console."""
    proxies = request.app[PROXIES]
    passed = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    if proxies and len(passed) >= proxies:
        return passed[-proxies][:100]
    return request.remote or "?"


def refused(error: ProblemError) -> web.Response:
    """The problem as an answer."""
    body = error.problem.model_dump_json()
    return web.Response(status=error.problem.status, text=body, content_type=CONTENT_TYPE, headers=error.headers)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
