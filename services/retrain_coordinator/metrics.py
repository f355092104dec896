"""What Prometheus sees of the coordinator: counts of what it decided, and where its models stand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from driftloop.contracts import topics
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.processor import Effects, Outgoing, Processor, Record
from retrain_coordinator.core.state import ModelState

States = Callable[[], Sequence[ModelState]]
Sample = tuple[tuple[str, ...], float]


class CoordinatorMetrics:
    """Counters of decisions and events."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "driftloop_decisions", "Decisions taken, by what was done and what asked for it.",
            ["model", "action", "trigger"], registry=registry,
        )  # fmt: skip
        self._events = Counter(
            "driftloop_model_events", "Events in the life of versions.", ["model", "event"], registry=registry
        )

    def count(self, outgoing: Iterable[Outgoing]) -> None:
        """Count what is about to be sent."""
        for message in outgoing:
            if message.topic == topics.RETRAIN_DECISIONS:
                decision = RetrainDecision.from_json(message.value)
                self._decisions.labels(decision.model_id, decision.action, decision.trigger).inc()
            elif message.topic == topics.MODEL_EVENTS:
                event = ModelEvent.from_json(message.value)
                self._events.labels(event.model_id, event.event).inc()


class Counted:
    """A processor whose effects are counted on the way to the log."""

    def __init__(self, processor: Processor, metrics: CoordinatorMetrics) -> None:
        self._processor, self._metrics = processor, metrics
        self.restore, self.revoke = processor.restore, processor.revoke
        self.snapshot, self.take_table = processor.snapshot, processor.take_table

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        """As the processor does."""
        return self._counted(self._processor.process(records, now, tables_current=tables_current))

    def wake(self, now: datetime) -> Effects:
        """As the processor does."""
        return self._counted(self._processor.wake(now))

    def _counted(self, effects: Effects) -> Effects:
        self._metrics.count(effects.outgoing)
        return effects


class ModelGauges(Collector):
    """Gauges read from the core's states whenever Prometheus asks."""

    def __init__(self, states: States) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        states = self._states()
        for name, words, labels, samples in (
            (
                "driftloop_champion_info",
                "The version that serves (the value is always 1).",
                ("model", "version"),
                _champions,
            ),
            ("driftloop_runs_in_flight", "Training runs that were asked for and have not ended.", ("model",), _runs),
            ("driftloop_frames_waiting", "Frames whose evidence is not complete yet.", ("model",), _waiting),
            ("driftloop_model_waits", "1 for each thing that the model waits for.", ("model", "waits_for"), _waits),
            (
                "driftloop_coordinator_checkpoint_seconds",
                "Event time of the newest checkpoint of the coordinator (since 1970).",
                ("model",),
                _checkpoints,
            ),
            ("driftloop_model_frozen", "1 where a person has frozen the model.", ("model",), _frozen),
            (
                "driftloop_proof_rows",
                "Rows on which a challenger has been compared.",
                ("model", "version"),
                _proof_rows,
            ),
            (
                "driftloop_proof_evidence_log",
                "Log of the evidence that a challenger is better (gain), worse (harm), or one on probation worse.",
                ("model", "version", "claim"),
                _evidence,
            ),
        ):
            family = GaugeMetricFamily(name, words, labels=labels)
            for state in states:
                for values, figure in samples(state):
                    family.add_metric(values, figure)
            yield family


def _champions(state: ModelState) -> Iterator[Sample]:
    if state.champion is not None:
        yield (state.model_id, state.champion), 1.0


def _checkpoints(state: ModelState) -> Iterator[Sample]:
    if state.sealed is not None:
        yield (state.model_id,), state.sealed.at.timestamp()


def _runs(state: ModelState) -> Iterator[Sample]:
    yield (state.model_id,), float(state.run is not None)


def _waiting(state: ModelState) -> Iterator[Sample]:
    yield (state.model_id,), float(len(state.waiting))


def _waits(state: ModelState) -> Iterator[Sample]:
    for name in list(state.waits):
        yield (state.model_id, name), 1.0


def _frozen(state: ModelState) -> Iterator[Sample]:
    yield (state.model_id,), float(state.frozen is not None)


def _proof_rows(state: ModelState) -> Iterator[Sample]:
    for entry in list(state.challenges.values()):
        yield (state.model_id, entry.version), float(entry.gain.rows)


def _evidence(state: ModelState) -> Iterator[Sample]:
    for entry in list(state.challenges.values()):
        yield (state.model_id, entry.version, "gain"), entry.gain.log_evidence
        yield (state.model_id, entry.version, "harm"), entry.harm.log_evidence
    probation = state.probation
    if probation is not None:
        yield (state.model_id, probation.champion, "probation"), probation.harm.log_evidence
