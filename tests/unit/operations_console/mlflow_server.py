"""A server that answers the mirror's questions as MLflow 3.17.2 was seen to, in memory.

What it keeps to: a name is registered once; a version is made anew each time; a file of a machine is no source; a
parameter never changes; an alias goes with its version; parameters of DELETE are read from the body alone.
"""

import itertools
import json
import posixpath
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class RefusedError(Exception):
    """An answer with an error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Mlflow:
    """The registry and the runs. `away` has it answer nothing but 503; `calls` counts what changed something."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.away = False
        self.calls: list[str] = []
        self.refused = 0
        self.forget()

    def forget(self) -> None:
        """Lose everything."""
        self.models: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, bytes] = {}
        self.ids = itertools.count(1)

    def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        """The answer to a question of the API."""
        name = f"{method} {path.removeprefix('/api/2.0/mlflow/')}"
        if method != "GET" and not name.endswith("search"):
            self.calls.append(name)
        found: dict[str, Any] = getattr(self, re.sub(r"[^a-z]", "_", name.lower()))(**{**query, **body})
        return found

    def get_registered_models_get(self, name: str) -> dict[str, Any]:
        model = self._model(name)
        aliases = [{"alias": alias, "version": number} for alias, number in model["aliases"].items()]
        return {"registered_model": {"name": name, "tags": _listed(model["tags"]), "aliases": aliases}}

    def post_registered_models_create(self, name: str, tags: Any = ()) -> dict[str, Any]:
        if name in self.models:
            raise RefusedError(400, "RESOURCE_ALREADY_EXISTS", f"Registered Model (name={name}) already exists.")
        if set(name) & set("/:"):
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", "Names cannot contain '/' or ':'.")
        self.models[name] = {"tags": _pairs(tags), "aliases": {}, "versions": {}, "made": 0}
        return {"registered_model": {"name": name}}

    def post_registered_models_set_tag(self, name: str, key: str, value: str) -> dict[str, Any]:
        self._model(name)["tags"][key] = value
        return {}

    def post_registered_models_alias(self, name: str, alias: str, version: str) -> dict[str, Any]:
        if version not in self._model(name)["versions"]:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "Model Version not found")
        self.models[name]["aliases"][alias] = version
        return {}

    def delete_registered_models_alias(self, name: str, alias: str) -> dict[str, Any]:
        self._model(name)["aliases"].pop(alias, None)
        return {}

    def get_model_versions_search(self, filter: str, max_results: str, page_token: str = "0") -> dict[str, Any]:  # noqa: A002
        found = list(self.models.get(filter.split("'")[1], {"versions": {}})["versions"].values())
        begin = int(page_token)
        page = found[begin : begin + 2]  # small, so that the next one is asked for
        rest = {"next_page_token": str(begin + 2)} if len(found) > begin + 2 else {}
        return {"model_versions": [{**one, "tags": _listed(one["tags"])} for one in page], **rest}

    def post_model_versions_create(self, name: str, source: str, run_id: str = "", tags: Any = ()) -> dict[str, Any]:
        model = self._model(name)
        if source.startswith(("file:", "/")):
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"Invalid model version source: '{source}'.")
        model["made"] += 1
        number = str(model["made"])
        made = {"name": name, "version": number, "source": source, "run_id": run_id, "tags": _pairs(tags)}
        model["versions"][number] = made
        return {"model_version": made}

    def post_model_versions_set_tag(self, name: str, version: str, key: str, value: str) -> dict[str, Any]:
        self._model(name)["versions"][version]["tags"][key] = value
        return {}

    def get_experiments_get_by_name(self, experiment_name: str) -> dict[str, Any]:
        if experiment_name not in self.experiments:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", "Could not find experiment")
        return {"experiment": {"experiment_id": self.experiments[experiment_name]}}

    def post_experiments_create(self, name: str) -> dict[str, Any]:
        self.experiments[name] = str(next(self.ids))
        return {"experiment_id": self.experiments[name]}

    def post_runs_search(self, experiment_ids: list[str], filter: str, max_results: int) -> dict[str, Any]:  # noqa: A002
        key, value = re.fullmatch(r"tags\.`(.+)` = '(.+)'", filter).groups()  # type: ignore[union-attr]
        found = [run for run in self.runs.values() if run["tags"].get(key) == value]
        return {"runs": [_run(run) for run in found[:max_results]]}

    def post_runs_create(self, experiment_id: str, run_name: str, start_time: int, tags: Any) -> dict[str, Any]:
        run_id = f"run{next(self.ids)}"
        self.runs[run_id] = {
            "id": run_id, "name": run_name, "tags": _pairs(tags), "metrics": {}, "params": {}, "status": "RUNNING",
            "address": f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts",
        }  # fmt: skip
        return {"run": _run(self.runs[run_id])}

    def post_runs_log_batch(self, run_id: str, metrics: Any = (), params: Any = (), tags: Any = ()) -> dict[str, Any]:
        run = self.runs[run_id]
        if len(params) > 100 or len(metrics) > 1000 or len(tags) > 100:
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", "A batch logging request can contain at most 100 params")
        for one in (*metrics, *params):
            name = posixpath.normpath(one["key"])
            if name != one["key"] or name == "." or name.startswith(("..", "/")):
                raise RefusedError(400, "INVALID_PARAMETER_VALUE", "Names may be treated as files")
        for one in params:
            if run["params"].get(one["key"], one["value"]) != one["value"]:
                raise RefusedError(400, "INVALID_PARAMETER_VALUE", "Changing param values is not allowed.")
            run["params"][one["key"]] = one["value"]
        for one in metrics:
            if re.search(r"[^\w./ :-]", one["key"], flags=re.ASCII):
                raise RefusedError(400, "INVALID_PARAMETER_VALUE", "Names may only contain alphanumerics")
            run["metrics"][one["key"]] = one["value"]
        run["tags"] |= _pairs(tags)
        return {}

    def post_runs_update(self, run_id: str, status: str, end_time: int) -> dict[str, Any]:
        self.runs[run_id]["status"] = status
        return {}

    def _model(self, name: str) -> dict[str, Any]:
        if name not in self.models:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"Registered Model with name={name} not found")
        return self.models[name]


def _run(run: dict[str, Any]) -> dict[str, Any]:
    info = {"run_id": run["id"], "artifact_uri": run["address"], "status": run["status"]}
    return {"info": info, "data": {"tags": _listed(run["tags"])}}


def _pairs(tags: Any) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


def _listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


@contextmanager
def serving(mlflow: Mlflow) -> Iterator[str]:
    """The address at which it is served."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(asked.query).items()}
            with mlflow.lock:
                try:
                    if mlflow.away:
                        mlflow.refused += 1
                        raise RefusedError(503, "TEMPORARILY_UNAVAILABLE", "come again")  # noqa: TRY301
                    if "/mlflow-artifacts/" in asked.path:
                        mlflow.artifacts[unquote(asked.path).rpartition("/artifacts/")[2]] = data
                        status, body = 200, {}
                    else:
                        body = json.loads(data or b"{}")
                        status, body = 200, mlflow.answer(self.command, asked.path, body, query)
                except RefusedError as error:
                    status, body = error.status, {"error_code": error.code, "message": str(error)}
            said = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
