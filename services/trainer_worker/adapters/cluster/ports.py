"""What is asked of a cluster, and what it can say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from driftloop.spec.model_spec import ClusterJob

Kind = Literal["waits", "runs", "succeeded", "failed", "gone"]


class Clusters(BaseModel):
    """Where clusters are, as the trainer's settings say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs_seen_at: str | None = None
    """The path under which machines of a cluster see the folder of runs; none: the same as here."""
    ray_url: str | None = None
    ray_token_file: Path | None = None
    kubernetes_url: str = "https://kubernetes.default.svc"
    kubernetes_token_file: Path | None = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    kubernetes_ca_file: Path | None = Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    kubernetes_namespace: str = "driftloop"
    kubernetes_claim: str | None = None
    kubernetes_images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobState:
    """How a job is. `again` says that another attempt may help: its machine went, not its program."""

    kind: Kind
    why: str = ""
    again: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has ended.

        >>> JobState("failed").ended, JobState("runs").ended
        (True, False)
        """
        return self.kind in ("succeeded", "failed")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A job to be begun: its name is of this attempt alone. `folder` and `runs` are paths as the cluster sees them."""

    name: str
    command: Sequence[str]
    folder: str
    runs: str
    variables: Mapping[str, str]
    time_limit_seconds: float
    memory_limit_mb: int
    wants: ClusterJob = field(default_factory=ClusterJob)


class JobRefusedError(ValueError):
    """The cluster answers, and does not take a job; the sentence says why."""


class Cluster(Protocol):
    """A cluster that runs jobs. Every call may raise `driftloop.rest.AwayError`."""

    def begin(self, attempt: Attempt) -> None:
        """Begin a job; one of that name is left as it is. Raises `JobRefusedError`."""
        ...

    def look(self, name: str) -> JobState:
        """How a job is."""
        ...

    def wait(self, name: str, seconds: float) -> None:
        """Returns when a job may have changed, at the latest after `seconds`."""
        ...

    def logs(self, name: str) -> bytes:
        """What it said so far; empty where that is not known."""
        ...

    def stop(self, name: str) -> None:
        """End a job; one that is not there or has ended is left as it is."""
        ...

    def clean(self, name: str) -> None:
        """Remove what a job that has ended leaves on the cluster."""
        ...
