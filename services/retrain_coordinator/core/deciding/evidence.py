"""What a decision is taken on: the evidence about a model, and its history, as frozen views.

Apart from the coordinator's state, so that `decide` is a function of plain values that a test, a
backtest or a person's question can write down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.drift_status import TestStatus
from driftloop.contracts.message import Version
from driftloop.spec.model_spec import Automation, ModelSpec
from driftloop.spec.policy import Mode
from retrain_coordinator.core.deciding.quarantine import lacking
from retrain_coordinator.core.lifecycle.target import opponent
from retrain_coordinator.core.payoff.rule import Verdict
from retrain_coordinator.core.state import ModelState, Reading


@dataclass(frozen=True, slots=True)
class Command:
    """A person's wish for a run."""

    reason: str
    requested_by: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known now. `signals` are those raised since the last run; `payoff` is the rule's word."""

    labelled_rows: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    tests: Sequence[TestStatus] = ()
    signals: Sequence[DriftSignal] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    payoff: Verdict | None = None
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What was done before: `runs_at` are the starts of runs, the newest last.

    `champion` is None where none serves that predicts what is declared.
    """

    champion: Version | None = None
    champion_since: datetime | None = None
    target_row: int = 0
    """Labelled rows that tell another target than is declared now; they come before all others."""
    runs_at: Sequence[datetime] = ()
    rows_at_run: int = 0
    feedback_at_run: float = 0.0
    run_in_flight: Version | None = None
    challenger: Version | None = None
    challenger_rows: int = 0
    failures: int = 0
    failed_row: int = 0
    frozen: str | None = None
    approved: bool = False
    scheduled_from: datetime | None = None
    suspected: Mapping[str, int] = field(default_factory=dict)
    """By trigger, labelled rows that must still come to confirm it, where the policy has a quarantine."""
    fleet: tuple[int, int] | None = None
    """Runs in flight over all models of the partition, and how many may be; None: as many as like."""
    automation: Automation = field(default_factory=Automation)


def history_of(state: ModelState, spec: ModelSpec, fleet: tuple[int, int] | None = None) -> History:
    """The history in a model's state. A challenger stands in the way only where there is room for no more."""
    challenge = max(state.challenges.values(), key=lambda entry: entry.since_row, default=None)
    if len(state.challenges) < spec.challenge.challengers:
        challenge = None
    return History(
        champion=opponent(state, spec),
        champion_since=state.champion_since,
        target_row=state.target_row,
        runs_at=tuple(state.runs_at),
        rows_at_run=state.rows_at_run,
        feedback_at_run=state.feedback_at_run,
        run_in_flight=state.run.version if state.run else None,
        challenger=challenge.version if challenge else None,
        challenger_rows=state.labelled_rows - challenge.since_row if challenge else 0,
        failures=state.failures,
        failed_row=state.failed_row,
        frozen=state.frozen,
        approved=state.approved,
        scheduled_from=state.scheduled_from,
        suspected={name: lacking(one, state.labelled_rows) for name, one in state.suspicions.items()},
        fleet=fleet,
        automation=spec.automation,
    )


def evidence_of(state: ModelState, payoff: Verdict | None = None, command: Command | None = None) -> Evidence:
    """The evidence in a model's state."""
    return Evidence(
        labelled_rows=state.labelled_rows,
        metrics=state.metrics,
        tests=state.tests,
        signals=tuple(state.signals),
        readings=state.readings,
        payoff=payoff,
        command=command,
    )
