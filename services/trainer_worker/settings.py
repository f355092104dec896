"""Settings of the trainer, both roles; environment `DRIFTLOOP_TRAINER_WORKER_*`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict

from driftloop.contracts.signing import checked_public_key
from trainer_worker.core.train.run_report import SandboxMode
from trainer_worker.core.train.webhook import Webhook

Role = Literal["train", "score"]
PublicKey = Annotated[str, AfterValidator(checked_public_key)]


class Settings(BaseSettings):
    """What a deployment may choose. How a model is trained stands in its spec, not here.

    `runs_at_once` is what bounds the runs of a fleet: a worker executes at most so many at once, so
    there are never more than that times the number of workers.
    """

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_TRAINER_WORKER_", frozen=True, extra="forbid")

    role: Role = "train"
    """What this process does."""
    archive_uri: str = Field(default=".driftloop/lake", description="the Delta table of labelled rows")
    artifact_uri: str = Field(default=".driftloop/artifacts", description="where versions are written")
    archive_wait_seconds: float = Field(
        default=120.0,
        gt=0,
        description="how long a run waits for the archive, and for a place that refuses its artifact",
    )
    runs_at_once: int = Field(default=1, ge=1, le=64)
    """Runs that this worker executes side by side."""
    checkpoint_seconds: float = Field(default=2.0, gt=0, description="training that a kill may cost at most")
    starts_per_run: int = Field(default=3, ge=1, description="starts of a run whose process is killed")
    warm: tuple[str, ...] = Field(default=(), description="learners made ready before the first run")
    runs_path: str = Field(default=".driftloop/runs", description="where the folders of commands' runs are made")
    commands: dict[str, str] = Field(
        default={},
        description="executor command: JSON, an entry's name → the command line that it runs ({python}: this Python)",
    )
    webhooks: dict[str, Webhook] = Field(
        default={},
        description="executor external: JSON, an entry's name → `url`, and `token_file`, `headers`, `body` ({request}: "
        "the training request, {run}: its id)",
    )
    runs_seen_at: str | None = Field(
        default=None, description="executors ray, kubernetes-job: the path of `runs_path` on the cluster's machines"
    )
    ray_url: str | None = Field(default=None, description="executor ray: its dashboard, `http://ray-head:8265`")
    ray_token_file: FilePath | None = Field(default=None, description="executor ray: a token, sent as Bearer")
    kubernetes_url: str = Field(
        default="https://kubernetes.default.svc", description="executor kubernetes-job: the API server"
    )
    kubernetes_token_file: Path | None = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount/token"),
        description="executor kubernetes-job: the service account's token",
    )
    kubernetes_ca_file: Path | None = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
        description="executor kubernetes-job: certificates that are trusted",
    )
    kubernetes_namespace: str = Field(default="driftloop", description="executor kubernetes-job: where jobs are made")
    kubernetes_claim: str | None = Field(
        default=None, description="executor kubernetes-job: the claim of the volume that `runs_path` lies on"
    )
    kubernetes_images: tuple[str, ...] = Field(
        default=(), description="executor kubernetes-job: images that a spec may name, `registry/team/*`"
    )
    signing_key_file: FilePath | None = Field(
        default=None,
        description="role train: an Ed25519 key in PEM that artifacts are signed with: `driftloop tokens signing-key`",
    )
    trusted_keys: tuple[PublicKey, ...] = Field(
        default=(), description="public keys; an artifact that none of them has signed is refused. None: not asked for"
    )
    sandbox: SandboxMode = Field(
        default="available",
        description="executor child: keep what trains from other files and from the network: not at all (`off`), as "
        "far as the machine can (`available`), or fail the run where it cannot (`required`)",
    )
    sandbox_commands: SandboxMode = Field(default="off", description="executor command: the same, for the program")
    sandbox_reads: tuple[str, ...] = Field(
        default=(), description="further files and folders that may be read in the sandbox, with all in them"
    )
    sandbox_gpu: bool = Field(default=True, description="whether what is in the sandbox may use the GPUs")
    models_in_memory: int = Field(default=64, ge=2, description="role score: models kept loaded")
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of `/metrics`, `/livez` and `/readyz`; 0: any free one; none: not served."""
    metrics_host: str = "127.0.0.1"
    """Address that they listen on."""
