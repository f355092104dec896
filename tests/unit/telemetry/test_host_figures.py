"""A host's figures, read from files and from a server of the test's own."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from driftloop.errors import UserError
from driftloop.telemetry.host_figures import host_figures, prometheus_figures

MEMORY = "MemTotal:       1000 kB\nMemFree:  100 kB\nMemAvailable:    250 kB\n"


def test_load_is_what_was_busy_meanwhile(tmp_path):
    (tmp_path / "meminfo").write_text(MEMORY)
    (tmp_path / "stat").write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n")

    def time_passes(_: float) -> None:
        (tmp_path / "stat").write_text("cpu  130 0 110 860 0 0 0 0 0 0\ncpu0 1 1 1 1\n")

    figures = host_figures(str(tmp_path), proc=tmp_path, sleep=time_passes)
    assert figures["cpu_percent"] == 40.0
    assert figures["memory_percent"] == 75.0
    assert figures["free_disk_gb"] > 0


def test_a_machine_without_proc_is_told_what_to_do(tmp_path):
    with pytest.raises(UserError, match="--prometheus"):
        host_figures(proc=tmp_path, sleep=lambda _: None)


@pytest.fixture
def prometheus():
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            result = [] if "disk" in self.path else [{"metric": {}, "value": [0, "42.5"]}]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": {"result": result}}).encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_prometheus_is_asked_and_what_it_does_not_know_is_left_out(prometheus):
    assert prometheus_figures(prometheus, {"cpu_percent": "cpu", "free_disk_gb": "disk"}) == {"cpu_percent": 42.5}


@pytest.mark.parametrize(("url", "word"), [("http://127.0.0.1:1", "did not answer"), ("file:///etc", "no http")])
def test_a_prometheus_that_is_not_there_is_one_sentence(url, word):
    with pytest.raises(UserError, match=word):
        prometheus_figures(url)
