"""A Ray dashboard and a Kubernetes API server that answer as the real ones were seen to, and really run the programs.

Ray (seen on 2.60): an id is taken once, the second gets a 500 that says "already exists"; what is not known is a 404.
Kubernetes: a Job's body is held against the schemas of its API (kubernetes-validate, strict), a name is taken once
(409), a watch is a stream of lines, and a deleted job ends its pod. It is no kube-apiserver: admission, quotas and the
scheduler are not there.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate


@dataclass(slots=True)
class Job:
    """A job that was taken, and its process."""

    process: "subprocess.Popen[bytes]"
    log: Path
    body: dict[str, Any]
    stopped: bool = False

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def kill(self) -> None:
        self.stopped = True
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()


@dataclass(slots=True)
class Machines:
    """Runs jobs, and can forget one, be away, or lie about how it is."""

    folder: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    away: bool = False
    says: dict[str, Any] = field(default_factory=dict)
    """What is said of a job instead of the truth, by name ("" for all)."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def run(self, name: str, command: list[str], folder: str | None, variables: dict[str, str], body: Any) -> None:
        self.begun.append(name)
        log = self.folder / f"{name}.log"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, **variables, "PATH": path}, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        self.jobs[name] = Job(process, log, body)

    def end(self) -> None:
        for job in self.jobs.values():
            job.kill()


class Dashboard(Machines):
    """Ray's."""

    def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> tuple[int, Any]:
        name, _, what = path.removeprefix("/api/jobs/").partition("/")
        if method == "POST" and not name:
            name = body["submission_id"]
            if name in self.jobs:
                return 500, f"Traceback: ValueError: Job with submission_id {name} already exists."
            environment = body["runtime_env"]["env_vars"]
            self.run(name, ["sh", "-c", body["entrypoint"]], None, environment, body)
            return 200, {"submission_id": name}
        if name not in self.jobs:
            return 404, f"Job {name} does not exist"
        job = self.jobs[name]
        if what == "stop":
            job.kill()
            return 200, {"stopped": True}
        if what == "logs":
            return 200, {"logs": job.log.read_text()}
        status = "RUNNING" if job.code is None else "SUCCEEDED" if job.code == 0 else "FAILED"
        told = {"status": "STOPPED" if job.stopped else status, "driver_exit_code": job.code, "message": ""}
        return 200, {**told, **self.says.get(name, self.says.get("", {}))}


class ApiServer(Machines):
    """Kubernetes's."""

    def answer(self, method: str, path: str, body: dict[str, Any], query: dict[str, str]) -> tuple[int, Any]:
        *_, kind, name = path.split("/") if path.endswith(("/jobs", "/pods")) is False else [*path.split("/"), ""]
        if method == "POST":
            return self._create(body)
        if kind == "pods":
            wanted = query["labelSelector"].partition("=")[2]
            return 200, {"kind": "PodList", "items": [self._pod(wanted)] if wanted in self.jobs else []}
        if path.endswith("/log"):
            return 200, self.jobs[path.split("/")[-2].removesuffix("-pod")].log.read_text()
        if name not in self.jobs:
            return 404, {"kind": "Status", "reason": "NotFound", "message": f'jobs.batch "{name}" not found'}
        if method == "DELETE":
            self.jobs.pop(name).kill()
            return 200, {"kind": "Status"}
        return 200, {**self.jobs[name].body, "status": self._status(name)}

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        try:
            kubernetes_validate.validate(body, "1.31", strict=True)
        except kubernetes_validate.ValidationError as error:
            return 422, {"kind": "Status", "reason": "Invalid", "message": error.message}
        name = body["metadata"]["name"]
        if name in self.jobs:
            return 409, {"kind": "Status", "reason": "AlreadyExists", "message": f'jobs.batch "{name}" already exists'}
        (container,) = body["spec"]["template"]["spec"]["containers"]
        variables = {one["name"]: one["value"] for one in container["env"]}
        self.run(name, container["command"], container["workingDir"], variables, body)
        return 201, body

    def _status(self, name: str) -> dict[str, Any]:
        said: dict[str, Any] = self.says.get("job", {})
        code = self.jobs[name].code
        if said or code is None:
            return said
        kind = "Complete" if code == 0 else "Failed"
        reason = "" if code == 0 else "BackoffLimitExceeded"
        return {"conditions": [{"type": kind, "status": "True", "reason": reason}]}

    def _pod(self, name: str) -> dict[str, Any]:
        code = self.jobs[name].code
        ended = {"terminated": {"exitCode": 128 - code if code < 0 else code, "reason": "Error"}} if code else {}
        status = {"phase": "Running", "containerStatuses": [{"state": ended}]}
        return {"metadata": {"name": f"{name}-pod"}, "status": self.says.get("pod", status)}


@contextmanager
def serving(machines: Machines) -> Iterator[str]:
    """The address at which they answer."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(asked.query).items()}
            if "watch" in query:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"type": "MODIFIED", "object": {}}\n')
                return
            with machines.lock:
                status, body = (
                    (503, {"message": "come again"}) if machines.away
                    else machines.answer(self.command, asked.path, json.loads(data or b"{}"), query)  # type: ignore[attr-defined]
                )  # fmt: skip
            said = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        machines.end()
        server.shutdown()
        server.server_close()
