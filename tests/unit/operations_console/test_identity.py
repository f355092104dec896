"""OpenID Connect: whose token it is by an issuer's keys, and every way in which one is none."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from pydantic import ValidationError

from driftloop.clock import system_now
from operations_console.adapters.web.identity import OpenIdConnect
from operations_console.core.access import Principal, RateLimit
from operations_console.settings import Settings

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ISSUER = "https://issuer.example"


@pytest.fixture(scope="module")
def jwks() -> Iterator[str]:
    """An issuer's keys, served on this machine."""
    public = {**json.loads(RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "use": "sig", "alg": "RS256"}
    body = json.dumps({"keys": [public]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/keys"
    server.shutdown()
    server.server_close()


def token(key: Any = KEY, algorithm: str = "RS256", **changes: Any) -> str:
    claims = {
        "iss": ISSUER, "aud": "driftloop", "sub": "u1", "email": "ann@example.com", "groups": ["staff", "ml-leads"],
        "exp": system_now() + timedelta(minutes=5), **changes,
    }  # fmt: skip
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": "k1"})


def asked(jwks: str, text: str) -> Principal | None:
    roles: Any = {"ml-leads": "approver", "staff": "viewer"}
    return OpenIdConnect(ISSUER, "driftloop", jwks, "groups", roles).principal(text, system_now())


def test_the_highest_role_of_ones_groups_counts(jwks: str):
    found = asked(jwks, token())
    assert found is not None
    assert (found.name, found.role, found.means) == ("ann@example.com", "approver", "oidc")


@pytest.mark.parametrize(
    "text",
    [
        token(OTHER), token(iss="https://other.example"), token(aud="other"), token(groups=["guests"]),
        token(groups=None), token(exp=system_now() - timedelta(minutes=1)), token(exp=None), token(sub=None),
        token("secret" * 8, "HS256"), token(None, "none"), "x.y.z", "", "dlt_view",
    ],
    ids=["key", "issuer", "audience", "group", "no groups", "expired", "no end", "no name", "symmetric", "unsigned",
         "rubbish", "empty", "of the file"],
)  # fmt: skip
def test_a_token_that_is_none_lets_nobody_in(jwks: str, text: str):
    assert asked(jwks, text) is None


def test_an_issuer_that_is_away_lets_nobody_in():
    assert asked("http://127.0.0.1:9/keys", token()) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "console.example.com"])
def test_open_access_is_refused_anywhere_but_on_loopback(host: str):
    with pytest.raises(ValidationError, match="loopback only"):
        Settings(metrics_host=host)
    assert Settings(metrics_host=host, tokens_file="tokens.yaml").metrics_host == host


def test_a_rate_recovers_with_time():
    limit = RateLimit(per_second=2.0, burst=3.0)
    assert [limit.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert limit.allows("b", 0.0)
    assert [limit.allows("a", 0.5), limit.allows("a", 0.5)] == [True, False]
