"""Where traces, metrics and lineage are sent; environment `DRIFTLOOP_TELEMETRY_*`. Nowhere, unless it is set."""

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "DRIFTLOOP_TELEMETRY_"
_URL = r"^https?://"


class TelemetrySettings(BaseSettings):
    """What a deployment may choose. Headers and certificates of OTLP are the SDK's own `OTEL_*` settings."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    otlp_endpoint: str | None = Field(
        default=None, pattern=_URL, description="an OTLP receiver (HTTP), for traces and metrics: http://collector:4318"
    )
    otlp_interval_seconds: float = Field(default=30.0, gt=0, description="how often metrics are sent")
    openlineage_url: str | None = Field(
        default=None, pattern=_URL, description="where OpenLineage events go: http://marquez:5000/api/v1/lineage"
    )
    openlineage_namespace: str = Field(default="driftloop", description="the namespace of jobs and models")


def is_on(setting: str) -> bool:
    """Whether a setting is there at all: what is off costs no import.

    >>> is_on("otlp_endpoint")
    False
    """
    return f"{_PREFIX}{setting.upper()}" in os.environ
