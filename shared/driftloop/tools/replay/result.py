"""What came of a replay, as JSON for a script and as sentences for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftloop.contracts.drift_signals import DriftSignal
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.kafka.embedded.broker import Broker
from driftloop.tools.replay.figures import StreamLosses, is_accuracy, score, stream_losses
from driftloop.tools.replay.judging import NOTHING, ClassFigures, class_figures
from driftloop.tools.replay.player import Played
from driftloop.tools.replay.recording import Recording
from driftloop.tools.replay.stream import row_of


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """A played recording, its losses, and what it took."""

    recording: Recording
    played: Played
    losses: StreamLosses
    broker: Broker
    wall_seconds: float

    @property
    def measure(self) -> str:
        """`accuracy` or `mae`."""
        return "accuracy" if is_accuracy(self.recording.spec) else "mae"

    def score(self, losses: Any) -> float:
        """Losses as the measure."""
        return round(score(self.recording.spec, losses), 6)

    @property
    def classes(self) -> ClassFigures | None:
        """How well the classes of a model with one target are told; None for numbers."""
        if self.measure != "accuracy" or len(self.recording.labels) != 1:
            return None
        ((name, labels),) = self.recording.labels.items()
        return class_figures(labels[self.recording.train_rows :], self.played.served[name], self.played.confidence)

    @property
    def training_seconds(self) -> float:
        """What all runs took, the first version's included."""
        costs = (result.cost for result in self.played.journal.results.values())
        return sum(cost.seconds for cost in costs if cost is not None)


def replay_result(recording: Recording, played: Played, broker: Broker, wall_seconds: float) -> ReplayResult:
    """Judge what was played."""
    losses = stream_losses(recording.spec, recording.labels, recording.train_rows, played.served, played.frozen)
    return ReplayResult(recording, played, losses, broker, wall_seconds)


def result_json(result: ReplayResult) -> dict[str, Any]:
    """The result for a script. Only `training_seconds` and `wall_seconds` differ between two runs.

    `retrains` and `promotions` leave the first version's own out; `promotions` counts archived versions
    that came back (`reuses`) too. Rows are those that have a label, in the order of time, from 0; `rows` counts
    them all, `streamed` those that were predicted. A signal's row is the one that raised it, a decision's the
    first that it could not know yet. `constant` is the score of the best answer that is always the same.
    """
    journal = result.played.journal
    return {
        "rows": len(result.recording),
        "streamed": len(result.recording) - result.recording.train_rows,
        "block": result.recording.block_rows,
        "model": result.recording.spec.model_id,
        "task": result.recording.spec.task,
        result.measure: result.score(result.losses.served),
        "no_change": result.score(result.losses.no_change),
        "never_retrained": result.score(result.losses.never_retrained),
        "constant": result.score(result.losses.constant),
        **(NOTHING if result.classes is None else result.classes.as_json()),
        **({} if result.recording.history is None else result.recording.history.as_json()),
        "retrains": len(journal.retrain_results),
        "reuses": sum(decision.action == "reuse" for decision in journal.decisions),
        "promotions": len(journal.events_of("promoted")),
        "rejected": len(journal.events_of("rejected")),
        "rollbacks": len(journal.events_of("rolled_back")),
        "champion": result.played.versions[-1],
        "signals": [signal_json(signal) | _dated(result, signal) for signal in in_order(journal.signals)],
        "decisions": [decision_json(decision) | _dated(result, decision) for decision in journal.decisions],
        "training_seconds": round(result.training_seconds, 3),
        "wall_seconds": round(result.wall_seconds, 1),
        "kafka": {"version": result.broker.version, "embedded": result.broker.embedded},
    }


def _dated(result: ReplayResult, message: DriftSignal | RetrainDecision) -> dict[str, Any]:
    """When it was by the file's own time."""
    recording = result.recording
    if recording.time.moments is None:
        return {}
    if isinstance(message, DriftSignal):
        return {"at": recording.time.at(row_of(message.raised.prediction_id)).isoformat()}
    return {} if message.row is None else {"at": recording.time.at(max(0, message.row - 1)).isoformat()}


def in_order(signals: Sequence[DriftSignal]) -> list[DriftSignal]:
    """Signals by the row that raised them."""
    return sorted(signals, key=lambda s: (row_of(s.raised.prediction_id), s.kind, s.subject, s.segment))


def signal_json(signal: DriftSignal) -> dict[str, Any]:
    """A signal, by rows of the file."""
    return {
        "row": row_of(signal.raised.prediction_id),
        "onset": row_of(signal.onset.prediction_id),
        "kind": signal.kind,
        "subject": signal.subject,
        "segment": signal.segment,
        "detector": signal.detector,
        "severity": signal.severity,
        "harmful": signal.harmful,
        "statistic": signal.statistic,
        "threshold": signal.threshold,
        "model_version": signal.model_version,
        "explanation": signal.explanation,
    }


def decision_json(decision: RetrainDecision) -> dict[str, Any]:
    """A decision and its reason."""
    return {
        "row": decision.row,
        "action": decision.action,
        "trigger": decision.trigger,
        "reason": decision.reason,
        "policy": decision.policy,
        "champion": decision.champion,
        "candidate": decision.candidate,
    }
