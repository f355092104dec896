"""Jobs on a Ray cluster, by its Jobs REST API (seen on 2.60): plain HTTP, so nothing of Ray is installed here.

Ray takes an id once: the second gets a 500 that says so. A deleted id must not be used again, because the new job's
log begins with the old one's. A stopped job that had not begun stays pending and may begin later: it looks for the
cancel marker itself.
"""

import shlex
import threading

from driftloop.rest import Answer, AwayError, Server
from trainer_worker.adapters.cluster.ports import Attempt, Clusters, JobRefusedError, JobState

_ENDS = {"SUCCEEDED": "succeeded", "FAILED": "failed", "STOPPED": "failed"}


class RayJobs:
    """Satisfies `Cluster`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pause = threading.Event()

    @classmethod
    def of(cls, clusters: Clusters) -> "RayJobs":
        """The cluster that the settings name. Raises ValueError where they name none."""
        if clusters.ray_url is None:
            raise ValueError(
                "the trainer knows no Ray cluster: set DRIFTLOOP_TRAINER_WORKER_RAY_URL, and start it again"
            )
        return cls(Server(clusters.ray_url, token_file=clusters.ray_token_file))

    def begin(self, attempt: Attempt) -> None:
        """See `Cluster.begin`."""
        wants = attempt.wants
        body = {
            "submission_id": attempt.name,
            "entrypoint": entrypoint(attempt),
            "runtime_env": {"env_vars": dict(attempt.variables)},
            "entrypoint_num_cpus": wants.cpus,
            "entrypoint_memory": attempt.memory_limit_mb << 20,  # for the scheduler: Ray limits nothing by it
            "metadata": {"made_by": "driftloop"},
        } | ({"entrypoint_num_gpus": wants.gpus} if wants.gpus else {})
        answer = self._server.ask("POST", "/api/jobs/", body)
        if answer.ok or "already exists" in str(answer.body):
            return
        if answer.status >= 500:
            raise AwayError(f"Ray says {answer}")
        raise JobRefusedError(f"Ray does not take the job: {answer}")

    def look(self, name: str) -> JobState:
        """See `Cluster.look`."""
        answer = self._server.ask("GET", f"/api/jobs/{name}")
        if answer.status == 404:
            return JobState("gone")
        said = _object(answer)
        status = str(said.get("status"))
        if status == "PENDING":
            return JobState("waits")
        if status not in _ENDS:
            return JobState("runs")
        if status == "SUCCEEDED":
            return JobState("succeeded")
        return JobState("failed", _why(status, said), again=_machine_went(said))

    def wait(self, name: str, seconds: float) -> None:  # noqa: ARG002  (Ray tells nobody: it is asked)
        """See `Cluster.wait`."""
        self._pause.wait(seconds)

    def logs(self, name: str) -> bytes:
        """See `Cluster.logs`."""
        answer = self._server.ask("GET", f"/api/jobs/{name}/logs")
        return str(answer.body.get("logs", "")).encode() if answer.ok and isinstance(answer.body, dict) else b""

    def stop(self, name: str) -> None:
        """See `Cluster.stop`."""
        answer = self._server.ask("POST", f"/api/jobs/{name}/stop", {})
        if answer.status >= 500:
            raise AwayError(f"Ray says {answer}")

    def clean(self, name: str) -> None:
        """Ray keeps its jobs' records; deleting one would let its id be used again."""


def entrypoint(attempt: Attempt) -> str:
    """The shell line of a job. `exec`: a shell that is killed would leave its program running."""
    folder = shlex.quote(attempt.folder)
    return f"cd {folder} && test ! -e ../cancelled && exec {shlex.join(attempt.command)}"


def _why(status: str, said: dict[str, object]) -> str:
    code = said.get("driver_exit_code")
    how = f"with exit code {code}" if isinstance(code, int) and code > 0 else "before its program ended"
    if isinstance(code, int) and code < 0:
        how = f"by signal {-code}"
    words = str(said.get("message") or "").strip().splitlines()
    message = [line for line in words if not line.startswith("Running entrypoint")]  # our own line, from its log
    return f"the Ray job ended {how} ({status}){': ' + message[-1][:300] if message else ''}"


def _machine_went(said: dict[str, object]) -> bool:
    """Whether the job's machine, or what supervises it there, is gone: its program did not fail."""
    kind, message = str(said.get("error_type") or ""), str(said.get("message") or "")
    return said.get("driver_exit_code") is None and (
        "ACTOR_DIED" in kind
        or "SUPERVISOR_ACTOR" in kind
        or "node" in message.lower()
        or "supervisor" in message.lower()
    )


def _object(answer: Answer) -> dict[str, object]:
    if not answer.ok or not isinstance(answer.body, dict):
        raise AwayError(f"Ray says {answer}")
    return answer.body
