"""The registry's client against a server of canned answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from driftloop.errors import AwayError
from outcome_ingestion.adapters.schema_registry import SchemaRegistry

CUT_OFF = {"schema": '"an answer whose end never comes"'}
RECORD = {"type": "record", "name": "A", "fields": []}


@pytest.fixture
def server():
    """Answers by id: (status, body) each, the last one for ever; `asked` has path and authorization."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers["Authorization"]))
            answers = self.server.answers
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            said = json.dumps(body).encode()
            if body is CUT_OFF:
                self.send_header("Content-Length", str(len(said) + 1))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    running.answers, running.asked = [(404, {})], []
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def registry(server):
    url = f"http://127.0.0.1:{server.server_port}/"
    return SchemaRegistry(url, credentials=("ana", "s3cret"), retry_seconds=0.5, pause=lambda _: None)


def test_a_schema_is_asked_for_by_its_id_under_our_name(server, registry):
    server.answers = [(200, {"schema": json.dumps(RECORD)})]
    assert registry(7) == RECORD
    assert server.asked == [("/schemas/ids/7", "Basic YW5hOnMzY3JldA==")]


def test_an_unknown_id_is_asked_for_once_in_a_while(server, registry):
    assert registry(7) is None
    assert registry(7) is None
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [{"schema": "{}", "schemaType": "JSON"}, {"schema": '"string"'}])
def test_a_schema_of_another_kind_is_none_of_ours(server, registry, answer):
    server.answers = [(200, answer)]
    assert registry(7) is None


def test_a_registry_that_stumbles_is_asked_again(server, registry):
    server.answers = [(503, {}), (200, CUT_OFF), (200, {"schema": json.dumps(RECORD)})]
    assert registry(7) == RECORD


@pytest.mark.parametrize("answer", [(500, {}), (408, {}), (200, CUT_OFF)], ids=["500", "408", "cut-off"])
def test_a_registry_that_stays_away_ends_the_service_and_keeps_the_secret(server, registry, answer):
    server.answers = [answer]
    with pytest.raises(AwayError, match="does not answer") as ended:
        registry(7)
    assert "s3cret" not in str(ended.value)
