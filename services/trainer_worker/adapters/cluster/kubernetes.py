"""Jobs on Kubernetes, by its API over plain REST: four kinds of question, for which the client brings 30 MB along.

A job is one attempt: no retries by Kubernetes (`backoffLimit: 0`), so that an attempt has one folder and one end, and
the reason of that end is read off its pod. A job whose trainer died is removed by Kubernetes an hour after its end.
"""

import json
import threading
from collections.abc import Mapping
from fnmatch import fnmatchcase
from http.client import HTTPException
from typing import Any

from driftloop.rest import Answer, AwayError, Server
from trainer_worker.adapters.cluster.manifest import manifest
from trainer_worker.adapters.cluster.ports import Attempt, Clusters, JobRefusedError, JobState

_IMAGE = frozenset({"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"})
"""No image, and no end of waiting for it. `ErrImagePull` is not among them: the first refusal may be a hiccup."""
_SETUP = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_WENT = frozenset(
    {"Evicted", "NodeLost", "Preempting", "Shutdown", "NodeShutdown", "Terminated", "UnexpectedAdmissionError"}
)
_WATCH_SECONDS = 300


class KubernetesJobs:
    """Satisfies `Cluster`. One watch is kept open for the job that is waited for."""

    def __init__(self, server: Server, clusters: Clusters) -> None:
        self._server, self._clusters = server, clusters
        self._jobs = f"/apis/batch/v1/namespaces/{clusters.kubernetes_namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{clusters.kubernetes_namespace}/pods"
        self._changed = threading.Event()
        self._watched: str | None = None

    @classmethod
    def of(cls, clusters: Clusters) -> "KubernetesJobs":
        """The cluster that the settings name. Raises ValueError where they do not say where folders lie."""
        if clusters.kubernetes_claim is None:
            raise ValueError(
                "the trainer has no volume for folders of runs: set DRIFTLOOP_TRAINER_WORKER_KUBERNETES_CLAIM to the "
                "claim that its runs_path lies on, and start it again"
            )
        server = Server(
            clusters.kubernetes_url, token_file=clusters.kubernetes_token_file, ca_file=clusters.kubernetes_ca_file
        )
        return cls(server, clusters)

    def begin(self, attempt: Attempt) -> None:
        """See `Cluster.begin`."""
        image = attempt.wants.image or ""
        if not any(fnmatchcase(image, allowed) for allowed in self._clusters.kubernetes_images):
            allowed = ", ".join(self._clusters.kubernetes_images) or "none"
            raise JobRefusedError(
                f"the image {image} may not be named by a spec (allowed: {allowed}): see the trainer's setting "
                "kubernetes_images"
            )
        answer = self._server.ask("POST", self._jobs, manifest(attempt, self._clusters))
        if answer.status == 409:
            return  # begun before, by us or by whoever held the run then
        if answer.status >= 500:
            raise AwayError(f"Kubernetes says {_words(answer)}")
        if not answer.ok:
            raise JobRefusedError(f"Kubernetes does not take the job: {_words(answer)}")

    def look(self, name: str) -> JobState:
        """See `Cluster.look`."""
        self._changed.clear()
        answer = self._server.ask("GET", f"{self._jobs}/{name}")
        if answer.status == 404:
            return JobState("gone")
        job = _object(answer)
        ends = {one["type"]: one for one in job.get("status", {}).get("conditions", ()) if one.get("status") == "True"}
        if "Complete" in ends:
            return JobState("succeeded")
        pods = self._pods_of(name)
        if "Failed" in ends:
            return why_failed(ends["Failed"], pods)
        return _progress(pods)

    def wait(self, name: str, seconds: float) -> None:
        """See `Cluster.wait`: a watch says at once that something changed."""
        if self._watched != name:
            self._watched = name
            threading.Thread(target=self._watch, args=(name,), name="watch-job", daemon=True).start()
        self._changed.wait(seconds)

    def logs(self, name: str) -> bytes:
        """See `Cluster.logs`."""
        said = b""
        for pod in self._pods_of(name):
            path = f"{self._pods}/{pod['metadata']['name']}/log"
            try:
                with self._server.open("GET", path, query={"limitBytes": str(1 << 20)}) as (status, stream):
                    said += stream.read() if status == 200 else b""
            except (OSError, HTTPException) as error:
                raise AwayError(str(error)) from error
        return said

    def stop(self, name: str) -> None:
        """See `Cluster.stop`: a job that is deleted ends its pod."""
        self.clean(name)

    def clean(self, name: str) -> None:
        """See `Cluster.clean`."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        answer = self._server.ask("DELETE", f"{self._jobs}/{name}", body)
        if not answer.ok and answer.status != 404:
            raise AwayError(f"Kubernetes says {_words(answer)}")

    def _pods_of(self, name: str) -> list[dict[str, Any]]:
        answer = self._server.ask("GET", self._pods, query={"labelSelector": f"batch.kubernetes.io/job-name={name}"})
        return list(_object(answer).get("items", ()))

    def _watch(self, name: str) -> None:
        """Follow job and pods until the next job is waited for; a watch that breaks is opened anew."""
        pause = threading.Event()
        while self._watched == name:
            query = {"watch": "1", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": str(_WATCH_SECONDS)}
            try:
                opened = self._server.open("GET", self._jobs, query=query, timeout_s=_WATCH_SECONDS + 10.0)
                with opened as (status, stream):
                    for line in stream if status == 200 else ():
                        if _is_event(line):
                            self._changed.set()
            except (OSError, HTTPException):
                pass  # `look` says so, and asks again
            pause.wait(1.0)


def why_failed(condition: Mapping[str, Any], pods: list[dict[str, Any]]) -> JobState:
    """What a failed job failed of: its time, its memory, its machine, or its program.

    >>> why_failed({"reason": "DeadlineExceeded", "message": "…"}, []).why
    'the job took longer than its limit (Kubernetes: DeadlineExceeded)'
    """
    if condition.get("reason") == "DeadlineExceeded":
        return JobState("failed", "the job took longer than its limit (Kubernetes: DeadlineExceeded)")
    for pod in pods:
        status = pod.get("status", {})
        moved = [
            one for one in status.get("conditions", ()) if one["type"] == "DisruptionTarget" and one["status"] == "True"
        ]
        reason = status.get("reason") or (moved[0].get("reason", "DisruptionTarget") if moved else "")
        if reason in _WENT or moved:
            return JobState(
                "failed", f"the job's machine went: {reason} {status.get('message', '')}".strip(), again=True
            )
        for container in status.get("containerStatuses", ()):
            end = container.get("state", {}).get("terminated")
            if end and end.get("reason") == "OOMKilled":
                return JobState("failed", "the run needed more memory than its limit (Kubernetes: OOMKilled)")
            if end and end.get("exitCode"):
                said = f": {end['message'].strip()[-300:]}" if end.get("message") else ""
                return JobState("failed", f"the job ended with exit code {end['exitCode']}{said}")
    if not pods:
        return JobState("failed", "the job's pod is gone, and nobody can say why it failed", again=True)
    return JobState("failed", f"the job failed: {condition.get('reason', '')} {condition.get('message', '')}".strip())


def _progress(pods: list[dict[str, Any]]) -> JobState:
    """A job that has not ended: what cannot begin for its image or its settings never will, and is told as an end."""
    for pod in pods:
        status = pod.get("status", {})
        for container in status.get("containerStatuses", ()):
            waiting = container.get("state", {}).get("waiting") or {}
            reason, message = waiting.get("reason", ""), waiting.get("message", "")
            if reason in _IMAGE:
                return JobState("failed", f"the image cannot be had ({reason}): {message}".strip())
            if reason in _SETUP:
                return JobState("failed", f"the container cannot be made ({reason}): {message}".strip())
        unplaced = [
            one for one in status.get("conditions", ()) if one["type"] == "PodScheduled" and one["status"] == "False"
        ]
        if unplaced:
            return JobState("waits", f"no machine takes it: {unplaced[0].get('message', '')}")
        if status.get("phase") == "Running":
            return JobState("runs")
    return JobState("waits")


def _is_event(line: bytes) -> bool:
    try:
        return json.loads(line).get("type") in ("ADDED", "MODIFIED", "DELETED")
    except (ValueError, AttributeError):
        return False


def _object(answer: Answer) -> dict[str, Any]:
    if not answer.ok or not isinstance(answer.body, dict):
        raise AwayError(f"Kubernetes says {_words(answer)}")
    return answer.body


def _words(answer: Answer) -> str:
    message = answer.body.get("message") if isinstance(answer.body, dict) else None
    return f"{answer.status} {message}" if message else str(answer)
