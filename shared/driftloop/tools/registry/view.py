"""The registry: a view of the log in SQL, for people and programs that ask about versions.

    view = RegistryView("sqlite:///.driftloop/registry.db")
    sync(view, kafka)                  # driftloop.tools.registry.sync: up to the log's end
    view.versions("plant")

Nothing depends on it: it may be thrown away and made again from the log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.cores.version_order import age_order
from driftloop.processor import Record
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.registry import intake
from driftloop.tools.registry.tables import (
    CursorRow,
    DecisionRow,
    EventRow,
    ResultRow,
    SignalRow,
    SpecRow,
    Table,
    VersionRow,
)
from driftloop.tools.registry.view_schema import fit_schema


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model, its declared spec, and how it stands."""

    model_id: str
    spec_version: int
    spec: ModelSpec
    champion: str | None
    versions: int
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A version as its events have left it."""

    model_id: str
    version: str
    status: str
    run_id: UUID | None
    spec_version: int | None
    artifact: str | None
    artifact_sha256: str | None
    registered_at: datetime | None
    promoted_at: datetime | None
    changed_at: datetime
    metrics: Mapping[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts over one model, or over all."""

    versions: int
    versions_by_status: Mapping[str, int]
    decisions_by_action: Mapping[str, int]
    runs: int
    runs_failed: int
    training_seconds: float
    signals: int
    promotions: int
    roll_backs: int


class RegistryView:
    """The view in the database at `url` (any that SQLAlchemy knows).

    Tables are made where missing, and made anew, empty, where another release has left others.
    """

    def __init__(self, url: str = "sqlite://") -> None:
        self.engine: Engine = create_engine(url)
        fit_schema(self.engine)

    def close(self) -> None:
        """Let the connections go."""
        self.engine.dispose()

    def take_in(self, records: Iterable[Record]) -> int:
        """Records of the log, each topic's in its order; how many were new. Seen ones do no harm."""
        with Session(self.engine) as session, session.begin():
            return intake.take_in(session, records)

    def cursors(self) -> dict[tuple[str, int], int]:
        """The next offset of every partition that was read."""
        with Session(self.engine) as session:
            rows = session.scalars(select(CursorRow))
            return {(row.topic, row.log_partition): row.next_offset for row in rows}

    def clear(self) -> None:
        """Throw everything away; the next sync makes it again."""
        Table.metadata.drop_all(self.engine)
        fit_schema(self.engine)

    def models(self) -> list[ModelInfo]:
        """Every model whose spec was applied, by name."""
        with Session(self.engine) as session:
            return [self._model(session, row) for row in session.scalars(select(SpecRow).order_by(SpecRow.model_id))]

    def model(self, model_id: str) -> ModelInfo | None:
        """One model, or None."""
        with Session(self.engine) as session:
            row = session.get(SpecRow, model_id)
            return self._model(session, row) if row is not None else None

    def versions(self, model_id: str) -> list[VersionInfo]:
        """A model's versions, the oldest first."""
        with Session(self.engine) as session:
            rows = session.scalars(select(VersionRow).where(VersionRow.model_id == model_id))
            found = [_version(row) for row in rows]
        return sorted(found, key=_order)

    def version(self, model_id: str, version: str) -> VersionInfo | None:
        """One version, or None."""
        with Session(self.engine) as session:
            row = session.get(VersionRow, (model_id, version))
            return _version(row) if row is not None else None

    def champion(self, model_id: str) -> VersionInfo | None:
        """The version that serves, or None."""
        return next((info for info in self.versions(model_id) if info.status == "champion"), None)

    def events(self, model_id: str, limit: int = 1000) -> list[ModelEvent]:
        """A model's newest events, in the order of the log."""
        return [ModelEvent.from_json(body) for body in self._bodies(EventRow, model_id, limit)]

    def decisions(self, model_id: str, limit: int = 1000) -> list[RetrainDecision]:
        """A model's newest decisions, in the order of the log."""
        return [RetrainDecision.from_json(body) for body in self._bodies(DecisionRow, model_id, limit)]

    def signals(self, model_id: str, limit: int = 1000) -> list[DriftSignal]:
        """A model's newest drift signals, in the order of the log."""
        return [DriftSignal.from_json(body) for body in self._bodies(SignalRow, model_id, limit)]

    def statistics(self, model_id: str | None = None) -> Statistics:
        """Counts over a model, or over all of them."""
        with Session(self.engine) as session:
            results = self._counts(session, ResultRow.status, model_id)
            events = self._counts(session, EventRow.event, model_id)
            by_status = self._counts(session, VersionRow.status, model_id)
            seconds = select(func.coalesce(func.sum(ResultRow.seconds), 0.0))
            if model_id is not None:
                seconds = seconds.where(ResultRow.model_id == model_id)
            return Statistics(
                versions=sum(by_status.values()),
                versions_by_status=by_status,
                decisions_by_action=self._counts(session, DecisionRow.action, model_id),
                runs=sum(results.values()),
                runs_failed=results.get("failed", 0),
                training_seconds=float(session.scalar(seconds) or 0.0),
                signals=sum(self._counts(session, SignalRow.kind, model_id).values()),
                promotions=events.get("promoted", 0),
                roll_backs=events.get("rolled_back", 0),
            )

    def _bodies(
        self, row: type[EventRow] | type[DecisionRow] | type[SignalRow], model_id: str, limit: int
    ) -> list[str]:
        newest = select(row.body).where(row.model_id == model_id)
        newest = newest.order_by(row.log_partition.desc(), row.log_offset.desc()).limit(limit)
        with Session(self.engine) as session:
            return list(session.scalars(newest))[::-1]

    def _counts(self, session: Session, column: Any, model_id: str | None) -> dict[str, int]:
        counted = select(column, func.count()).group_by(column).order_by(column)
        if model_id is not None:
            counted = counted.where(column.class_.model_id == model_id)
        return {row[0]: row[1] for row in session.execute(counted)}

    def _model(self, session: Session, row: SpecRow) -> ModelInfo:
        mine = VersionRow.model_id == row.model_id
        champion = session.scalar(select(VersionRow.version).where(mine, VersionRow.status == "champion"))
        count = session.scalar(select(func.count()).select_from(VersionRow).where(mine)) or 0
        spec = ModelSpec.model_validate_json(row.body)
        return ModelInfo(row.model_id, row.spec_version, spec, champion, count, row.applied_at)


def _order(info: VersionInfo) -> tuple[tuple[int, ...], float]:
    """By age as far as names tell, and else by when they were registered."""
    return age_order(info.version), (info.registered_at or info.changed_at).timestamp()


def _version(row: VersionRow) -> VersionInfo:
    return VersionInfo(
        row.model_id, row.version, row.status, UUID(row.run_id) if row.run_id else None, row.spec_version, row.artifact,
        row.artifact_sha256, row.registered_at, row.promoted_at, row.changed_at, row.metrics,
    )  # fmt: skip
