"""The tables of the registry view: one row a message, by message id, and what follows from the events.

The view may be dropped at any time: the log makes it again, row for row the same.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Float, Index, Integer, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcMoment(TypeDecorator[datetime]):
    """A moment in UTC on every database; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The value for the database."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The value that the database gave."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {datetime: UtcMoment, dict[str, Any]: JSON, list[str]: JSON, int: BigInteger}  # noqa: RUF012


class MessageRow:
    """A message as it stands on the log: its identity, its place, and itself."""

    message_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    model_id: Mapped[str] = mapped_column(String(120), index=True)
    occurred_at: Mapped[datetime]
    log_partition: Mapped[int] = mapped_column(Integer)
    log_offset: Mapped[int]
    caused_by: Mapped[list[str]]
    body: Mapped[str] = mapped_column(Text)


class EventRow(MessageRow, Table):
    """A model event."""

    __tablename__ = "events"
    event: Mapped[str] = mapped_column(String(20))
    version: Mapped[str | None] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(Text)


class DecisionRow(MessageRow, Table):
    """A decision of the coordinator."""

    __tablename__ = "decisions"
    action: Mapped[str] = mapped_column(String(20), index=True)
    trigger: Mapped[str] = mapped_column("asked_by", String(120))
    reason: Mapped[str] = mapped_column(Text)
    candidate: Mapped[str | None] = mapped_column(String(40))


class RequestRow(MessageRow, Table):
    """A training run as it was asked for; its message id is the run's."""

    __tablename__ = "training_requests"
    version: Mapped[str] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(20))


class ResultRow(MessageRow, Table):
    """The end of a training run."""

    __tablename__ = "training_results"
    run_id: Mapped[str] = mapped_column(String(36), index=True)
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[str] = mapped_column(String(40))
    seconds: Mapped[float | None] = mapped_column(Float)


class SignalRow(MessageRow, Table):
    """A drift signal."""

    __tablename__ = "signals"
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    harmful: Mapped[bool]


class SpecRow(Table):
    """The newest spec of a model."""

    __tablename__ = "models"
    model_id: Mapped[str] = mapped_column(String(120), primary_key=True)
    spec_version: Mapped[int] = mapped_column(Integer)
    applied_at: Mapped[datetime]
    body: Mapped[str] = mapped_column(Text)


class VersionRow(Table):
    """A version as its events have left it."""

    __tablename__ = "versions"
    model_id: Mapped[str] = mapped_column(String(120), primary_key=True)
    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    status: Mapped[str] = mapped_column(String(20), index=True)
    run_id: Mapped[str | None] = mapped_column(String(36))
    spec_version: Mapped[int | None] = mapped_column(Integer)
    artifact: Mapped[str | None] = mapped_column(Text)
    artifact_sha256: Mapped[str | None] = mapped_column(String(64))
    registered_at: Mapped[datetime | None]
    promoted_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    metrics: Mapped[dict[str, Any]]


class SchemaRow(Table):
    """Which release's tables these are (one row)."""

    __tablename__ = "view_schema"
    only: Mapped[int] = mapped_column(Integer, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))


class CursorRow(Table):
    """How far a partition has been read."""

    __tablename__ = "cursors"
    topic: Mapped[str] = mapped_column(String(120), primary_key=True)
    log_partition: Mapped[int] = mapped_column(Integer, primary_key=True)
    next_offset: Mapped[int]


Index("events_in_order", EventRow.model_id, EventRow.log_partition, EventRow.log_offset)
Index("decisions_in_order", DecisionRow.model_id, DecisionRow.log_partition, DecisionRow.log_offset)
