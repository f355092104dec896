"""Training runs: asked for → waiting → running → ended. Each ends in one result, whatever dies on the way.

Why the state is keyed by run and written before anything starts: a worker that is killed finds in
its changelog what it owes, and starts it again. The result, the profile and the end of the state
are one transaction, so that a run cannot end twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.reading import read_message
from driftloop.contracts.topics import MODEL_COMMANDS, MODEL_SPECS, TRAINING_ANSWERS, TRAINING_REQUESTS
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult
from driftloop.cores.decode_each import decode_messages, of_topic
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.record_fields import partition_of, position_of
from driftloop.cores.spec_table import SpecTable
from driftloop.processor import Effects, KeptOut, Outgoing, Record, StaleTableError, StateChange
from trainer_worker.core.train.results import failure_message, progress_message, reuse_message, success_messages
from trainer_worker.core.train.run_report import Announced, Executor, Failed, Progress, Report, Reused, Run, Succeeded

_POLL = timedelta(milliseconds=20)
_ENDED = b"ended"
ENDED_KEPT = 1_000
"""Ids of ended runs that are remembered a partition, so that a repeated request is not trained again."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """`slots` runs are executed at once; one whose process is killed is started up to `starts` times."""

    slots: int = 1
    starts: int = 3


class TrainingRuns:
    """The core of role `train`; satisfies `driftloop.processor.Processor`."""

    def __init__(self, executor: Executor, limits: RunLimits | None = None) -> None:
        self._executor = executor
        self._limits = limits or RunLimits()
        self._specs = SpecTable()
        self._runs: dict[int, dict[UUID, Run]] = {}
        self._ended: dict[int, dict[UUID, None]] = {}

    @property
    def waiting(self) -> int:
        """Runs that were asked for and have not been started; those that another system trains are not among them."""
        return sum(
            run.starts == 0 and not run.waits_for_answer
            for runs in list(self._runs.values())
            for run in list(runs.values())
        )

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:
        requests = decode_messages(of_topic(records, TRAINING_REQUESTS), TrainingRequest)
        commands = decode_messages(of_topic(records, MODEL_COMMANDS), ModelCommand)
        answers = decode_messages(of_topic(records, TRAINING_ANSWERS), TrainingResult)
        asked = {(request.model_id, request.spec_version) for _, request in requests.messages}
        if not tables_current and any(self._specs.get(*spec) is None for spec in asked):
            raise StaleTableError
        done = EffectsBuilder()
        done.bury(*requests.dead, *answers.dead)
        done.ignore("command that the coordinator buries", len(commands.dead))
        done.count_unknown_fields(requests.unknown_fields + commands.unknown_fields)
        for record, request in requests.messages:
            done.add(self._take_request(record, request))
        for record, answer in answers.messages:
            done.add(self._take_answer(partition_of(record), answer))
        for record, command in commands.messages:
            done.add(self._take_command(partition_of(record), command))
        done.add(self._go_on(now))
        return done.effects()

    def wake(self, now: datetime) -> Effects:
        return self._go_on(now)

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        entries = list(state)
        runs = sorted(
            (read_message(Run, value).message for _, value in entries if value != _ENDED),
            key=lambda run: run.position.offset,
        )
        self._runs[partition] = {run.run_id: run for run in runs}
        self._ended[partition] = {UUID(key): None for key, value in entries if value == _ENDED}
        self._executor.keep(self._known())

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002  (state is keyed)
        return ()

    def revoke(self, partition: int) -> None:
        self._runs.pop(partition, None)
        self._ended.pop(partition, None)
        self._executor.keep(self._known())

    def take_table(self, topic: str, records: Sequence[Record]) -> Sequence[KeptOut]:
        return self._specs.take(records) if topic == MODEL_SPECS else ()

    def _known(self) -> frozenset[UUID]:
        return frozenset(run_id for runs in self._runs.values() for run_id in runs)

    def _take_request(self, record: Record, request: TrainingRequest) -> Effects:
        partition, run_id = partition_of(record), request.message_id
        runs, ended = self._runs.setdefault(partition, {}), self._ended.setdefault(partition, {})
        if run_id in runs or run_id in ended:
            return Effects(ignored={"repeated_request": 1})
        spec = self._specs.get(request.model_id, request.spec_version)
        if spec is None:
            reason = f"spec version {request.spec_version} of {request.model_id} is not known: apply the spec again"
            return Effects((failure_message(request, Failed(reason=reason)),)) + self._end(partition, run_id)
        asked_at = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
        runs[run_id] = Run(request=request, spec=spec, position=position_of(record), asked_at=asked_at)
        return Effects(state_changes=(_saved(runs[run_id]),))

    def _take_answer(self, partition: int, answer: TrainingResult) -> Effects:
        """What another system trained: it is imported in a place of its own, as a run is; the first answer counts."""
        run = self._runs.get(partition, {}).get(answer.run_id)
        if run is None or not run.waits_for_answer:
            return Effects(ignored={"answer_to_no_run": 1})
        if answer.status != "succeeded":
            why = Failed(reason=answer.failure or f"the system that trains it says: {answer.status}", cost=answer.cost)
            return Effects((failure_message(run.request, why),)) + self._end(partition, run.run_id)
        answered = run.model_copy(update={"answer": answer})
        self._runs[partition][run.run_id] = answered
        return Effects(state_changes=(_saved(answered),))

    def _give_up(self, now: datetime) -> Effects:
        """End the runs whose answer did not come in time."""
        effects = Effects()
        for run in [run for runs in self._runs.values() for run in runs.values()]:
            if run.gives_up_at is not None and run.gives_up_at <= now:
                limit = run.spec.training.time_limit_seconds
                why = Failed(reason=f"no answer came on training-answers within the limit of {limit:g} seconds")
                effects += Effects((failure_message(run.request, why),)) + self._end(run.position.partition, run.run_id)
        return effects

    def _take_command(self, partition: int, command: ModelCommand) -> Effects:
        """`cancel` ends the model's runs (those of `version`, where it names one)."""
        if command.command != "cancel":
            return Effects()
        effects = Effects()
        for run_id, run in list(self._runs.get(partition, {}).items()):
            if run.request.model_id == command.model_id and command.version in (None, run.request.version):
                why = Failed(reason=f"cancelled by {command.requested_by}: {command.reason}")
                self._executor.cancel(run)
                effects += Effects((failure_message(run.request, why, cancelled=True),)) + self._end(partition, run_id)
        return effects

    def _go_on(self, now: datetime) -> Effects:
        """Take the reports in, start what may start, and ask to be woken while a run is there."""
        self._executor.keep(self._known())
        effects = Effects()
        for run_id, report in self._executor.reports():
            effects += self._take_report(run_id, report)
        effects += self._give_up(now) + self._start_next()
        here = [run for runs in self._runs.values() for run in runs.values()]
        for run in here:
            if run.is_to_be_announced:
                self._executor.start(run)
        if any(not run.waits_for_answer or run.is_to_be_announced for run in here):
            return effects + Effects(wake_at=now + _POLL)
        moments = [run.gives_up_at for run in here if run.gives_up_at is not None]
        return effects + Effects(wake_at=min(moments)) if moments else effects

    def _take_report(self, run_id: UUID, report: Report) -> Effects:
        run = next((runs[run_id] for runs in self._runs.values() if run_id in runs), None)
        if run is None:
            return Effects()
        if isinstance(report, Progress):
            return Effects((progress_message(run.request, report),))
        if isinstance(report, Announced):
            return self._announced(run)
        if isinstance(report, Failed) and run.starts == 0 and not run.is_to_be_announced:
            return Effects()  # said of a request that its webhook took before, or that has its answer without it
        if isinstance(report, Failed) and report.again and run.starts < self._limits.starts:
            self._executor.keep(self._known() - {run.run_id})  # its process was killed: forget it there
            return self._start(run)
        return Effects(_last_words(run.request, report)) + self._end(run.position.partition, run_id)

    def _announced(self, run: Run) -> Effects:
        if run.announced:
            return Effects()
        told = run.model_copy(update={"announced": True})
        self._runs[run.position.partition][run.run_id] = told
        return Effects(state_changes=(_saved(told),))

    def _start_next(self) -> Effects:
        waiting = sorted(
            (run for runs in self._runs.values() for run in runs.values() if not run.waits_for_answer),
            key=lambda run: (run.request.occurred_at, run.position.partition, run.position.offset),
        )
        effects = Effects()
        for run in waiting[: self._limits.slots]:
            effects += self._start(run) if run.starts == 0 else self._start_again(run)
        return effects

    def _start_again(self, run: Run) -> Effects:
        """A run that was started before: by this worker (nothing happens), or by one that died."""
        if self._executor.holds(run.run_id):
            return Effects()
        if run.starts < self._limits.starts:
            return self._start(run)
        reason = f"the worker died {run.starts} times while it trained this: it is not tried again"
        self._executor.cancel(run)
        return Effects((failure_message(run.request, Failed(reason=reason)),)) + self._end(
            run.position.partition, run.run_id
        )

    def _start(self, run: Run) -> Effects:
        started = run.model_copy(update={"starts": run.starts + 1})
        self._runs[run.position.partition][run.run_id] = started
        self._executor.start(started)
        return Effects(state_changes=(_saved(started),))

    def _end(self, partition: int, run_id: UUID) -> Effects:
        """Forget the run and remember its id; the oldest ids beyond the limit go."""
        self._runs.setdefault(partition, {}).pop(run_id, None)
        ended = self._ended.setdefault(partition, {})
        ended[run_id] = None
        changes = [StateChange(partition, str(run_id), _ENDED)]
        while len(ended) > ENDED_KEPT:
            oldest = next(iter(ended))
            del ended[oldest]
            changes.append(StateChange(partition, str(oldest), None))
        return Effects(state_changes=tuple(changes))


def _last_words(request: TrainingRequest, report: Succeeded | Reused | Failed) -> tuple[Outgoing, ...]:
    if isinstance(report, Succeeded):
        return success_messages(request, report)
    return (reuse_message(request, report) if isinstance(report, Reused) else failure_message(request, report),)


def _saved(run: Run) -> StateChange:
    return StateChange(run.position.partition, str(run.run_id), run.model_dump_json().encode())
