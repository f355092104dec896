"""Settings of the console; environment `DRIFTLOOP_OPERATIONS_CONSOLE_*`."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from driftloop.spec.cron import cron_problem, never_fires
from operations_console.core.access import Role as AccessRole
from operations_console.core.report import span_of

Role = Literal["console", "notify", "mirror", "lineage"]
GROUP = "operations_console"
"""What the console's own groups begin with, a dash after it."""


class ReportPlan(BaseModel):
    """When a report on the fleet is written (cron, UTC), and what it looks back on (12h, 7d, 4w)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str
    span: str = "7d"

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if problem := cron_problem(self.cron) or never_fires(self.cron):
            raise ValueError(problem)
        span_of(self.span)
        return self


class Settings(BaseSettings):
    """What a deployment may choose.

    Without `tokens_file` and `oidc_issuer` everybody may do everything, which is allowed on loopback only.
    `metrics_host` and `metrics_port` are those of the page: it answers `/metrics`, `/livez` and `/readyz` too.
    """

    model_config = SettingsConfigDict(env_prefix="DRIFTLOOP_OPERATIONS_CONSOLE_", frozen=True, extra="forbid")

    role: Role = Field(
        default="console",
        description="console: page and REST; notify: tells people of incidents; mirror: keeps MLflow's registry up; "
        "lineage: sends OpenLineage events",
    )
    rules_file: Path = Field(default=Path("notifications.yaml"), description="role notify: who is told of what")
    metrics_port: int = Field(default=8484, ge=0, le=65_535, description="the page's port; 0: any that is free")
    metrics_host: str = Field(default="127.0.0.1", description="the address that the page listens at")
    data_folder: Path = Field(default=Path(".driftloop/console"), description="what Faust keeps; may be thrown away")
    tokens_file: Path | None = Field(default=None, description="made by `driftloop tokens create`")
    artifact_uri: str | None = Field(
        default=None, description="where versions are written: then the statistics tell how much room they take"
    )
    hosts: tuple[str, ...] = Field(default=(), description="names besides loopback's under which open access is served")
    proxies: int = Field(
        default=0, ge=0, description="proxies of yours before the console: so many of X-Forwarded-For are believed"
    )
    requests_per_second: float = Field(default=50.0, gt=0, description="of one caller, in the long run")
    requests_at_once: float = Field(default=200.0, ge=1, description="of one caller, in a burst")
    wrong_tokens_per_minute: float = Field(default=10.0, gt=0, description="from one address")
    newest_read: int = Field(
        default=2_000,
        ge=0,
        description="dead letters, and challenge scores, of each partition that are read at the start",
    )
    report_schedules: dict[str, ReportPlan] = Field(
        default_factory=dict,
        description='name → cron (UTC) and span: `{"weekly": {"cron": "0 6 * * 1", "span": "7d"}}`',
    )
    report_folder: Path = Field(default=Path(".driftloop/reports"), description="where reports are written")
    probe_schedule: str | None = Field(
        default=None,
        description="cron (UTC): ask for runs that are overdue by age, or that a cool-down has put off; `0 * * * *`",
    )
    signing_key_file: FilePath | None = Field(
        default=None, description="an Ed25519 key in PEM that commands are signed with: `driftloop tokens signing-key`"
    )
    mlflow_url: str | None = Field(default=None, description="role mirror: MLflow's address, `http://mlflow:5000`")
    mlflow_token_file: FilePath | None = Field(default=None, description="role mirror: a token, sent as Bearer")
    mlflow_username: str | None = Field(default=None, description="role mirror: the user, with a password")
    mlflow_password_file: FilePath | None = Field(default=None, description="role mirror: the user's password")
    mlflow_ca_file: FilePath | None = Field(default=None, description="role mirror: certificates that are trusted")
    mlflow_experiment: str = Field(default="driftloop", description="role mirror: the experiment that runs go to")
    mlflow_prefix: str = Field(default="", description="role mirror: goes before the names of registered models")
    mlflow_look_seconds: float = Field(
        default=60.0, gt=0, description="role mirror: how often each model is looked at there"
    )
    mlflow_retry_seconds: float = Field(
        default=60.0, gt=0, le=300, description="role mirror: how long MLflow is waited for before the process ends"
    )
    console_url: str | None = Field(default=None, description="role mirror: where the console is, for links to it")
    oidc_issuer: str | None = Field(default=None, description="whose JSON Web Tokens are taken")
    oidc_audience: str = Field(default="driftloop", description="for whom they must be")
    oidc_jwks_url: str | None = Field(default=None, description="where the issuer's keys are")
    oidc_claim: str = Field(default="groups", description="the claim that names a person's groups")
    oidc_roles: dict[str, AccessRole] = Field(default_factory=dict, description="group → role")

    @field_validator("probe_schedule")
    @classmethod
    def _is_a_schedule(cls, cron: str | None) -> str | None:
        if cron is not None and (problem := cron_problem(cron) or never_fires(cron)):
            raise ValueError(problem)
        return cron

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.role == "mirror" and self.mlflow_url is None:
            raise ValueError("role mirror needs mlflow_url, where MLflow is")
        if self.role != "console":
            return self
        if self.tokens_file is None and self.oidc_issuer is None and not is_loopback(self.metrics_host):
            raise ValueError(
                f"access is open on loopback only, and {self.metrics_host} is not: name a tokens_file "
                "(`driftloop tokens create` makes one) or an oidc_issuer"
            )
        if self.oidc_issuer is not None and self.oidc_jwks_url is None:
            raise ValueError("oidc_issuer needs oidc_jwks_url, where the issuer's keys are")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
