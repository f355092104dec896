"""Settings of the coordinator; environment `DRIFTLOOP_RETRAIN_COORDINATOR_*`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a deployment may choose. Policies are no settings: they stand in the spec of each model.

    `runs_at_once` bounds the training runs in flight over all models of a partition; more have to wait.
    """

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_RETRAIN_COORDINATOR_", frozen=True, extra="forbid")

    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    metrics_host: str = "127.0.0.1"
    runs_at_once: int | None = Field(default=None, ge=1)
