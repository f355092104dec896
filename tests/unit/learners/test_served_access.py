"""Who we are at a model's server: sent to it alone, exchanged without a restart, never told."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from driftloop.learners.served_access import FILE, access_to, files_of_access
from driftloop.learners.served_calls import Caller, ServerAwayError


class Guarded:
    """A server that remembers the headers of each call; over TLS if it is given a context."""

    def __init__(self, tls: ssl.SSLContext | None = None, redirect: str = "", *, repeats: bool = False) -> None:
        self.seen: list[dict[str, str]] = []
        guarded = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                guarded.seen.append({name.lower(): value for name, value in self.headers.items()})
                said = {"error": f"no such key: {self.headers['Authorization']}"} if repeats else {"ok": True}
                body = json.dumps(said).encode()
                self.send_response(302 if redirect else 401 if repeats else 200)
                if redirect:
                    self.send_header("Location", redirect)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quietly."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def started() -> Iterator[Any]:
    made: list[Guarded] = []

    def start(*args: Any, **kwargs: Any) -> Guarded:
        made.append(Guarded(*args, **kwargs))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def declare(entries: Any) -> Path:
        file = tmp_path / "servers.yaml"
        file.write_text(entries if isinstance(entries, str) else yaml.safe_dump(entries))
        monkeypatch.setenv(FILE, str(file))
        return file

    return declare


def test_a_token_and_a_key_are_sent_to_their_server_alone_and_exchanged_without_a_restart(started, declared, tmp_path):
    mine, other = started(), started()
    token, key = tmp_path / "token", tmp_path / "key"
    token.write_text("first\n")
    key.write_text("k1")
    declared({mine.url: {"token_file": str(token), "header": "X-Api-Key", "header_file": str(key)}})
    callers = Caller(mine.url + "/", 5.0), Caller(other.url, 5.0)
    for caller in callers:
        assert caller.ask("/v2") == {"ok": True}
    token.write_text("second")
    callers[0].ask("/v2")
    assert [seen.get("authorization") for seen in mine.seen] == ["Bearer first", "Bearer second"]
    assert mine.seen[0]["x-api-key"] == "k1"
    assert {"authorization", "x-api-key"}.isdisjoint(other.seen[0])


def test_a_redirect_to_another_server_carries_no_secret(started, declared, tmp_path):
    other = started()
    mine = started(redirect=other.url + "/there")
    token = tmp_path / "token"
    token.write_text("s3cret")
    declared({mine.url: {"token_file": str(token), "header": "X-Api-Key", "header_file": str(token)}})
    Caller(mine.url, 5.0).ask("/v2")
    assert mine.seen[0]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(other.seen)


def test_a_private_authority_and_a_clients_certificate_are_used_and_exchanged(started, declared, tmp_path):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    server, (ca, own) = started(tls), (tmp_path / "ca.pem", tmp_path / "own.pem")
    stranger = trustme.CA()
    stranger.cert_pem.write_to_path(str(ca))
    authority.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(str(own))
    declared({server.url: {"ca_file": str(ca), "certificate_file": str(own)}})
    caller = Caller(server.url, 5.0)
    with pytest.raises(ServerAwayError, match="CERTIFICATE_VERIFY_FAILED"):
        caller.ask("/v2")
    authority.cert_pem.write_to_path(str(ca))
    assert caller.ask("/v2") == {"ok": True}
    stranger.issue_cert("me@example.org").private_key_and_cert_chain_pem.write_to_path(str(own))
    with pytest.raises(ServerAwayError):
        caller.ask("/v2")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"token_file": "empty"}, "empty is empty, and a secret is wanted there"),
        ({"token_file": "gone"}, "gone, which holds a secret, cannot be read: No such file or directory"),
        ({"header": "X-Key", "header_file": "lines"}, "lines holds more than one line"),
        ({"header": "X-Key"}, "header and header_file belong together"),
        ({"header": "authorization", "header_file": "ok", "token_file": "ok"}, "is the header Authorization already"),
        ({"token": "s3cret"}, "token: Extra inputs are not permitted"),
        ({"ca_file": "ok"}, r"its certificates cannot be used \(.*ok\)"),
        ({"certificate_key_file": "ok"}, "needs a certificate_file"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_said_and_nothing_is_sent(started, declared, tmp_path, entry, why):
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "ok").write_text("s3cret")
    (tmp_path / "lines").write_text("s3cret\nsecond")
    server = started()
    paths = {name: str(tmp_path / value) if name.endswith("_file") else value for name, value in entry.items()}
    declared({server.url: paths})
    with pytest.raises(ServerAwayError, match=why) as refused:
        Caller(server.url, 5.0).ask("/v2")
    assert "s3cret" not in str(refused.value)
    assert server.seen == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "it is not YAML in line 1"),
        ("- 1", "dictionary"),
        ("https://m/path: {}", "https://m/path is no https://host:port"),
        ("https://m:s3cret: {}", "is no https://host:port"),
        ("https://me:s3cret@m/path: {}", "https://m/path is no https://host:port"),
        ("https://me:s3cret@m: {token: 1}", "https://m › token: Extra inputs"),
        ("@s3cret", "it is not YAML in line 1"),
    ],
    ids=["damaged", "a-list", "a-path", "a-port", "a-user", "a-field", "a-secret"],
)
def test_a_file_that_is_no_list_of_servers_is_named_and_not_shown(declared, text, why):
    declared(text)
    with pytest.raises(ValueError, match=rf"servers.yaml \({FILE}\) cannot be used: .*{why}") as refused:
        access_to("https://m")
    assert "s3cret" not in str(refused.value).replace("https://m:s3cret is", "")


def test_a_key_that_a_server_repeats_is_not_told_on(started, declared, tmp_path):
    server, token = started(repeats=True), tmp_path / "token"
    token.write_text("s3cret")
    declared({server.url: {"token_file": str(token)}})
    with pytest.raises(ServerAwayError, match=r"answers 401: no such key: Bearer \*\*\*"):
        Caller(server.url, 5.0).ask("/v2")


def test_the_files_that_calls_read_are_known(declared, tmp_path):
    assert files_of_access() == []
    file = declared({"https://m": {"token_file": "/run/t", "ca_file": "/run/ca"}})
    assert sorted(files_of_access()) == sorted([str(file), "/run/t", "/run/ca"])
    declared("a: [")
    assert files_of_access() == [str(file)]
