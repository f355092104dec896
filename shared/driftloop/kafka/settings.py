"""How to reach Kafka, and how a service's loop behaves there."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from driftloop.secret_files import secret_in

StateKind = Literal["none", "keyed", "snapshot"]
_CHANGELOG = "-changelog"


class KafkaSettings(BaseSettings):
    """Where the cluster is and who we are there; environment `DRIFTLOOP_KAFKA_*`.

    `topic_prefix` goes before every topic, group and transactional id, so that a replay on a shared
    cluster touches nobody else's. Nothing outside `driftloop.kafka` ever sees it.

    Secrets are never shown; where `sasl_password_file` is given the password is read from it.

    >>> KafkaSettings(bootstrap_servers="broker:9092", sasl_password="s3cret").sasl_password
    SecretStr('**********')
    """

    model_config = SettingsConfigDict(
        env_prefix="DRIFTLOOP_KAFKA_", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    bootstrap_servers: str = "localhost:9092"
    """Brokers to start from, as host:port, by comma."""
    topic_prefix: str = ""
    """Goes before every topic, group and transactional id."""
    group_protocol: Literal["consumer", "classic"] = "consumer"
    """`consumer` is KIP-848; `classic` for brokers or policies that lack it."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the connection is secured."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """How the user is authenticated."""
    sasl_username: str | None = None
    """The user; with OAUTHBEARER the client's id at the issuer."""
    sasl_password: SecretStr | None = None
    """The password, or the client's secret; prefer the file."""
    sasl_password_file: FilePath | None = None
    """A file with the password; a new one in it is taken within ten seconds (not with OAUTHBEARER: restart)."""
    sasl_oauth_token_url: str | None = Field(default=None, pattern=r"^https?://.+")
    """Where OAUTHBEARER gets its tokens: the issuer's token endpoint, for client credentials."""
    sasl_oauth_scope: str | None = None
    """The scope that is asked for there."""
    sasl_oauth_ca_file: FilePath | None = None
    """Certificates that are trusted for the token endpoint, as PEM; none: the system's."""
    ssl_ca_file: FilePath | None = None
    """Certificates that are trusted, as PEM; none: the system's."""
    ssl_certificate_file: FilePath | None = None
    """Our certificate, as PEM."""
    ssl_key_file: FilePath | None = None
    """Its private key, as PEM."""
    ssl_key_password: SecretStr | None = None
    """The key's password; prefer the file."""
    ssl_key_password_file: FilePath | None = None
    """A file with the key's password."""
    transaction_timeout_ms: int = Field(default=30_000, ge=1_000)
    """The broker aborts a transaction that is open for longer."""
    max_poll_interval_ms: int = Field(default=600_000, ge=10_000)
    """A member that does not poll for longer leaves the group."""
    session_timeout_ms: int = Field(default=6_000, ge=1_000, description="classic protocol only")
    request_timeout_ms: int = Field(default=30_000, ge=1_000)
    """Longest wait for an answer of the broker."""
    replica: int = Field(default=0, ge=0, description="the slot that names the transactional id")
    batch_size: int = Field(default=20_000, ge=1, description="most records of a transaction")
    batch_bytes: int = Field(
        default=16 << 20, ge=1, description="no more records are taken into a transaction that has so many bytes"
    )
    poll_timeout_ms: int = Field(default=100, ge=1)
    """Longest wait for the first record of a batch."""
    fetch_wait_ms: int = Field(
        default=200, ge=1, description="how soon an end of the log is noticed (records are never kept waiting)"
    )
    linger_ms: int = Field(default=0, ge=0, description="wait for more once something is there")
    marker_commit_ms: int = Field(
        default=0, ge=0, description="how long after the last record transaction markers alone may stand uncommitted"
    )

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if self.security_protocol.startswith("SASL") and self.sasl_mechanism == "OAUTHBEARER":
            wanted = {
                "sasl_oauth_token_url": self.sasl_oauth_token_url,
                "sasl_username (the client's id)": self.sasl_username,
                "sasl_password_file (the client's secret)": self.sasl_password,
            }
            if missing := [name for name, value in wanted.items() if not value]:
                raise ValueError(f"OAUTHBEARER needs {', '.join(missing)}")
        return self

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("sasl_password", "ssl_key_password"):
            path = values.get(f"{name}_file")
            if path and not values.get(name):
                values = {**values, name: secret_in(str(path))}
        return values


class LoopSettings(BaseModel):
    """What a service's loop reads and keeps.

    `inputs` are co-partitioned topics. `tables` are read in full by every replica. `state`: "keyed"
    (changed keys go to the changelog), "snapshot" (every `snapshot_every` commits the whole state does,
    and the input since is replayed), or "none". Replay merges several inputs by their records' times and
    then in the order given here, which need not be how they came: a core with snapshot state must not
    depend on how its inputs interleave. `service` names the process in logs and dead letters. `keyed` are inputs
    that others write to, whose records are buried where they are not in their key's partition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str
    group: str
    inputs: tuple[str, ...] = Field(min_length=1)
    tables: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()
    state: StateKind = "none"
    snapshot_every: int = Field(default=200, ge=1)
    attempts: int = Field(default=2, ge=1, description="tries of a record that raises, before it is buried")
    breaker_consecutive: int = Field(
        default=500, ge=1, description="buried records in a row after which a source is shown as refused"
    )
    breaker_ratio: float = Field(default=0.5, gt=0, le=1, description="or this share of its newest records")
    breaker_window: int = Field(default=2_000, ge=1, description="records of a source that the ratio looks back on")

    @property
    def changelog(self) -> str:
        """The topic that holds the group's state."""
        return changelog_of(self.group)


def changelog_of(group: str) -> str:
    """The topic that holds a group's state.

    >>> changelog_of("drift_detection")
    'drift_detection-changelog'
    """
    return group + _CHANGELOG


def is_changelog(topic: str) -> bool:
    """Whether a topic holds a group's state.

    >>> is_changelog("drift_detection-changelog"), is_changelog("drift-signals")
    (True, False)
    """
    return topic.endswith(_CHANGELOG)
