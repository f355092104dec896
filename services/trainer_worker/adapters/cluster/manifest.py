"""The Job that an attempt becomes: nobody special in the container, and nothing that Kubernetes would try again."""

from typing import Any

from trainer_worker.adapters.cluster.ports import Attempt, Clusters

_KEPT_SECONDS = 3600
"""A job that ended is kept so long, for whoever looks, if nobody removes it before."""


def manifest(attempt: Attempt, clusters: Clusters) -> dict[str, Any]:
    """The Job's manifest, as it is sent."""
    labels = {"app.kubernetes.io/managed-by": "driftloop", "app.kubernetes.io/component": "training-run"}
    wants = attempt.wants
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(attempt)],
        "volumes": [{"name": "runs", "persistentVolumeClaim": {"claimName": clusters.kubernetes_claim}}],
    }
    if wants.node_selector:
        pod["nodeSelector"] = dict(wants.node_selector)
    if wants.tolerates:
        pod["tolerations"] = [{"key": key, "operator": "Exists"} for key in wants.tolerates]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": attempt.name, "namespace": clusters.kubernetes_namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, int(attempt.time_limit_seconds)),
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _container(attempt: Attempt) -> dict[str, Any]:
    wants = attempt.wants
    limits = {"memory": f"{attempt.memory_limit_mb}Mi"}
    requests = {"memory": limits["memory"], "cpu": f"{round(wants.cpus * 1000)}m"}
    if wants.gpus:
        limits[wants.gpu_resource] = requests[wants.gpu_resource] = str(wants.gpus)
    return {
        "name": "training",
        "image": wants.image,
        "command": list(attempt.command),
        "workingDir": attempt.folder,
        "env": [{"name": name, "value": value} for name, value in attempt.variables.items()],
        "resources": {"requests": requests, "limits": limits},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "runs", "mountPath": attempt.runs}],
    }
