"""A model server in a thread: the Open Inference Protocol, and what `mlflow models serve` answers."""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Predict = Callable[[list[list[Any]]], list[Any]]


class ModelServer:
    """Serves `predict` (rows of values in, a value a row out); what it does wrong can be set while it runs."""

    def __init__(self, predict: Predict, version: str | None = "7") -> None:
        self.predict, self.version = predict, version
        self.hang_seconds = 0.0
        self.broken: bytes | None = None
        self.raw: bytes | None = None
        """Sent as it is, in place of an answer; then the connection is closed."""
        self.shape_of_one = True
        self.requests = self.rows = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer({"name": "m", "versions": [server.version] if server.version else []})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.requests += 1
                time.sleep(server.hang_seconds)
                self._answer(server.answer(asked))

            def _answer(self, answer: Any) -> None:
                if server.raw is not None:
                    self.wfile.write(server.raw)
                    self.close_connection = True
                    return
                body = server.broken if server.broken is not None else json.dumps(answer).encode()
                self.send_response(200 if server.broken is None else 500)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has gone
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing is written."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Any) -> Any:
        """By what was asked for: `inputs` of the Open Inference Protocol, or MLflow's `dataframe_split`."""
        if "dataframe_split" in asked:
            return {"predictions": self.predict(asked["dataframe_split"]["data"])}
        (tensor,) = asked["inputs"]
        rows, width = tensor["shape"]
        self.rows += rows
        data = tensor["data"]
        said = self.predict([data[row * width : (row + 1) * width] for row in range(rows)])
        shape = [rows, 1] if self.shape_of_one else [rows]
        told = {} if self.version is None else {"model_version": self.version}
        return {
            "model_name": "m",
            **told,
            "outputs": [{"name": "y", "shape": shape, "datatype": "BYTES", "data": said}],
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
