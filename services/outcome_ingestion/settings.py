"""Settings of ingestion, all roles; environment `DRIFTLOOP_OUTCOME_INGESTION_*`."""

from typing import Literal

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict

from outcome_ingestion.core.rules import IngestRules
from outcome_ingestion.core.translate.pairing import PairRules

Role = Literal["ingest", "archive", "translate", "pair"]


class Settings(BaseSettings):
    """What a deployment may choose."""

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_OUTCOME_INGESTION_", frozen=True, extra="forbid")

    role: Role = "ingest"
    """What this process does."""
    archive_uri: str = Field(default=".driftloop/lake", description="the Delta table of labelled rows")
    frame_rows: int = Field(default=5_000, ge=1, description="most rows of a frame")
    frame_bytes: int = Field(
        default=8 << 20,
        ge=64 << 10,
        le=15 << 20,
        description="most bytes of a frame: well under max.message.bytes of outcome-frames and the changelog",
    )
    remembered_rows: int = Field(default=1_000_000, ge=10_000, description="ids known, per partition")
    correctable_rows: int = Field(
        default=100_000,
        ge=0,
        description="labelled rows open to correction, per partition; at most remembered_rows",
    )
    waiting_rows: int = Field(default=1_000_000, ge=1, description="rows without a label kept, per partition")
    early_labels: int = Field(default=200_000, ge=1, description="labels without a row kept, per partition")
    observed_values: int = Field(
        default=200_000, ge=1_000, description="values of series kept, per model and partition"
    )
    future_seconds: float = Field(default=86_400.0, ge=0, description="how far ahead of its record a time may be")
    archive_linger_ms: int = Field(
        default=0,
        ge=0,
        le=60_000,
        description="wait for more frames before a commit; frames gather during a commit anyway, a cluster takes 1000",
    )
    archive_retry_seconds: float = Field(default=60.0, ge=0, description="how long a failing store is tried again")
    archive_retention_days: int | None = Field(
        default=None, ge=1, description="rows of older days (UTC) are dropped once a day; none: kept for ever"
    )
    compact_every: int = Field(default=100, ge=2, description="commits between two compactions")
    source: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$", description="role translate: the declared source"
    )
    pair_wait_seconds: float = Field(
        default=600.0, gt=0, description="role pair: how long a request or response waits for the other one"
    )
    waiting_halves: int = Field(default=100_000, ge=1, description="role pair: most that wait, per partition")
    schema_registry_url: str | None = Field(
        default=None,
        pattern="^https?://[^@]+$",
        description="Confluent's API, for framed Avro; Apicurio: …/apis/ccompat/v7",
    )
    schema_registry_username: str | None = None
    """The user, if the registry asks for one."""
    schema_registry_password_file: FilePath | None = Field(default=None, description="read at the start, never shown")
    schema_registry_ca_file: FilePath | None = None
    """Certificates that are trusted for the registry, as PEM."""
    metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Port of `/metrics`, `/livez` and `/readyz`; 0: any free one; none: not served."""
    metrics_host: str = "127.0.0.1"
    """Address that they listen on."""

    @property
    def rules(self) -> IngestRules:
        """What the core of role ingest needs."""
        return IngestRules(
            frame_rows=self.frame_rows,
            frame_bytes=self.frame_bytes,
            remembered_rows=self.remembered_rows,
            correctable_rows=min(self.correctable_rows, self.remembered_rows),
            waiting_rows=self.waiting_rows,
            early_labels=self.early_labels,
            observed_values=self.observed_values,
            future_seconds=self.future_seconds,
        )

    @property
    def pair_rules(self) -> PairRules:
        """What the core of role pair needs."""
        return PairRules(self.pair_wait_seconds, self.waiting_halves)
