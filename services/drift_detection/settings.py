"""Settings of detection; environment `DRIFTLOOP_DRIFT_DETECTION_*`."""

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict

from drift_detection.core.reports.pace import STATUS_SECONDS


class Settings(BaseSettings):
    """What a deployment may choose. How a model is watched is no setting: it stands in its spec."""

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_DRIFT_DETECTION_", frozen=True, extra="forbid")

    snapshot_every: int = Field(default=200, ge=1, description="commits between two snapshots of a partition's models")
    checkpoint_hours: float = Field(
        default=24.0, ge=0, description="hours of event time between two checkpoints of a model; 0: none are written"
    )
    segment_status_seconds: float = Field(
        default=STATUS_SECONDS,
        ge=0,
        le=60,
        description="seconds between two statuses of a segment of which nothing changed; 0: one with each frame",
    )
    signing_key_file: FilePath | None = Field(
        default=None,
        description="an Ed25519 key in PEM that checkpoints are signed with: `driftloop tokens signing-key`",
    )
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of `/metrics`, `/livez` and `/readyz`; 0: any free one; none: not served."""
    metrics_host: str = "127.0.0.1"
    """Address that they listen on."""
