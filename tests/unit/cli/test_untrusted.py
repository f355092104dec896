"""Where a certificate is not accepted, that is what is said, whichever client met it."""

import ssl
import subprocess
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from types import SimpleNamespace

import jgo
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from driftloop.clock import system_now
from driftloop.errors import UserError
from driftloop.files.opening import open_table
from driftloop.kafka.embedded.runtime_jars import class_path
from driftloop.tools.cli.untrusted import sentence_of


class Rows(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n3,4\n")

    def log_message(self, *_):
        """Nothing."""


def certificate(folder, *, address="127.0.0.1", days=1):
    """A file with a certificate that signs itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "us")])
    now = system_now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{address}-{days}.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def serve(monkeypatch):
    """Serves a CSV file over TLS with that certificate."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    running = []

    def start(file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server = HTTPServer(("127.0.0.1", 0), Rows)
        server.handle_error = lambda *_: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"https://127.0.0.1:{server.server_address[1]}/rows.csv"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def kafka(address, monkeypatch, folder):
    def build(_endpoint):
        requests.get(address, timeout=10)
        return SimpleNamespace(all_jars=[])

    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr(jgo, "build", build)
    class_path(lambda _: None)


@pytest.mark.parametrize("what", ["a file", "Kafka"])
def test_a_certificate_of_an_unknown_authority_is_named_with_the_way_on(serve, tmp_path, monkeypatch, what):
    address = serve(certificate(tmp_path))
    with pytest.raises(UserError) as error:
        open_table(address) if what == "a file" else kafka(address, monkeypatch, tmp_path)
    said = sentence_of(error.value)
    assert said.startswith(f"{address} cannot be read: " if what == "a file" else "Apache Kafka ")
    assert "the server's certificate is not accepted (self-signed certificate)" in said
    assert "SSL_CERT_FILE and REQUESTS_CA_BUNDLE" in said
    assert "network," not in said


def test_the_way_on_that_is_named_leads_on(serve, tmp_path, monkeypatch):
    file = certificate(tmp_path)
    address = serve(file)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    assert requests.get(address, timeout=10).status_code == 200
    words = [sys.executable, "-c", f"from driftloop.files.opening import open_table as o; print(len(o({address!r})))"]
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout == "2\n"


@pytest.mark.parametrize(
    ("address", "days", "why"), [("127.0.0.9", 1, "IP address mismatch"), ("127.0.0.1", -1, "expired")]
)
def test_of_a_wrong_or_expired_certificate_no_authority_is_asked_for(serve, tmp_path, monkeypatch, address, days, why):
    file = certificate(tmp_path, address=address, days=days)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    with pytest.raises(UserError) as error:
        kafka(serve(file), monkeypatch, tmp_path)
    said = sentence_of(error.value)
    assert why in said
    assert "the clock of this machine" in said
    assert "REQUESTS_CA_BUNDLE" not in said


def test_an_error_without_a_certificate_keeps_its_words():
    error = UserError("x is away: nobody answers.")
    error.__cause__ = ConnectionError("refused")
    assert sentence_of(error) == "x is away: nobody answers."
