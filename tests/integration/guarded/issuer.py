"""An issuer of tokens on the loopback address: what an OpenID provider does for the client-credentials grant."""

import base64
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from driftloop.clock import system_now

AUDIENCE, SCOPE = "kafka", "driftloop"
LIFE_SECONDS = 20
"""Short, so that a loop of a minute needs several tokens."""


@dataclass(frozen=True)
class Issuer:
    """Where tokens and keys are."""

    address: str
    granted: list[str]
    """Clients that got a token, in the order of their tokens."""

    @property
    def token_url(self) -> str:
        return f"{self.address}/token"

    @property
    def keys_url(self) -> str:
        return f"{self.address}/keys"


@contextmanager
def issuer(secrets: Mapping[str, str]) -> Iterator[Issuer]:
    """Grants tokens to the clients whose secret it knows."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    keys = {"keys": [json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "one", "use": "sig"}]}
    granted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, keys)

        def do_POST(self) -> None:
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            client, _, secret = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
            if form["grant_type"] != ["client_credentials"] or form.get("scope") != [SCOPE]:
                return self._answer(400, {"error": "invalid_request"})
            if secrets.get(client) != secret:
                return self._answer(401, {"error": "invalid_client"})
            granted.append(client)
            now = int(system_now().timestamp())
            claims = {"iss": "test", "aud": AUDIENCE, "sub": client, "iat": now, "exp": now + LIFE_SECONDS}
            token = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})
            return self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": LIFE_SECONDS})

        def _answer(self, status: int, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Issuer(f"http://127.0.0.1:{server.server_port}", granted)
    finally:
        server.shutdown()
        server.server_close()
