"""Settings of the coordinator; environment `DRIFTLOOP_RETRAIN_COORDINATOR_*`."""

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a deployment may choose. Policies are no settings: they stand in the spec of each model.

    `runs_at_once` bounds the training runs that were asked for and have not ended, over all models of a
    partition; more have to wait. It is exact, and part of what the log alone decides. Over all partitions
    it bounds them by its product with their number only: one count of all would have to be read from other
    partitions, so that decisions would depend on who had read what (and two could still start at once).
    How many runs are *executed* at once over a fleet is bounded by its trainers: see `runs_at_once` there.
    """

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_RETRAIN_COORDINATOR_", frozen=True, extra="forbid")

    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of `/metrics`, `/livez` and `/readyz`; 0: any free one; none: not served."""
    metrics_host: str = "127.0.0.1"
    """Address that they listen on."""
    runs_at_once: int | None = Field(default=None, ge=1)
    """Most training runs asked for and not ended, over the models of a partition; none: no bound."""
    checkpoint_hours: float = Field(
        default=24.0, ge=0, description="hours of event time between two checkpoints of a model; 0: none are written"
    )
    signing_key_file: FilePath | None = Field(
        default=None,
        description="an Ed25519 key in PEM that checkpoints are signed with: `driftloop tokens signing-key`",
    )
