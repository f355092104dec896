"""The life of a run, with an executor that a test controls."""

from datetime import timedelta

import pytest

from driftloop.contracts.message import derive_id
from driftloop.contracts.model_commands import ModelCommand
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import (
    MODEL_PROFILES,
    MODEL_SPECS,
    TRAINING_ANSWERS,
    TRAINING_PROGRESS,
    TRAINING_RESULTS,
)
from driftloop.contracts.training_progress import TrainingProgress
from driftloop.contracts.training_results import TrainingResult
from driftloop.processor import StaleTableError
from driftloop.spec.model_spec import TrainingRule
from driftloop.testing.clock import START
from driftloop.testing.records import FakeRecord
from trainer_worker.core.train.processor import ENDED_KEPT, RunLimits, TrainingRuns
from trainer_worker.core.train.run_report import Failed, Progress

NOW = START


def results(effects) -> list[TrainingResult]:
    return [TrainingResult.from_json(out.value) for out in effects.outgoing if out.topic == TRAINING_RESULTS]


def state_after(*steps) -> dict[str, bytes]:
    state: dict[str, bytes] = {}
    for effects in steps:
        for change in effects.state_changes:
            if change.value is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.value
    return state


def test_a_request_becomes_a_run_that_is_written_down_and_started(core, executor, make_request, as_record):
    effects = core.process([as_record(make_request())], NOW)
    assert [run.run_id for run in executor.started] == [make_request().message_id]
    assert set(state_after(effects)) == {str(make_request().message_id)}
    assert effects.wake_at is not None


def test_success_publishes_the_profile_and_the_result_and_ends_the_run_in_one_step(
    core, executor, make_request, as_record, success
):
    request = make_request()
    first = core.process([as_record(request)], NOW)
    executor.told[request.message_id].append(success(request))
    effects = core.wake(NOW)
    assert [out.topic for out in effects.outgoing] == [MODEL_PROFILES, TRAINING_RESULTS]
    assert effects.outgoing[0].key == "plant/1.0.1"
    assert effects.outgoing[0].partition_by == "plant"
    (result,) = results(effects)
    assert result.status == "succeeded"
    assert result.run_id == request.message_id
    assert result.caused_by == (*request.caused_by, request.message_id)
    assert result.occurred_at == request.occurred_at
    assert list(state_after(first, effects).values()) == [b"ended"]


def test_progress_is_published_by_run(core, executor, make_request, as_record):
    request = make_request()
    core.process([as_record(request)], NOW)
    executor.told[request.message_id].append(Progress(step=2, steps=20, training_loss=0.3, seconds_left=1.5))
    (out,) = core.wake(NOW).outgoing
    progress = TrainingProgress.from_json(out.value)
    assert (out.topic, out.key) == (TRAINING_PROGRESS, str(request.message_id))
    assert (progress.step, progress.steps, progress.seconds_left) == (2, 20, 1.5)


def test_a_learner_that_fails_ends_as_a_failed_run_with_its_reason(core, executor, make_request, as_record):
    request = make_request()
    core.process([as_record(request)], NOW)
    executor.told[request.message_id].append(Failed(reason="the loss is not finite"))
    (result,) = results(core.wake(NOW))
    assert (result.status, result.failure) == ("failed", "the loss is not finite")


def test_a_run_whose_process_is_killed_is_started_again_and_fails_at_the_limit(core, executor, make_request, as_record):
    request = make_request()
    core.process([as_record(request)], NOW)
    for starts in (1, 2):
        executor.told[request.message_id].append(Failed(reason="ended by signal 9", again=True))
        assert results(core.wake(NOW)) == []
        assert len(executor.started) == starts + 1
    executor.told[request.message_id].append(Failed(reason="ended by signal 9", again=True))
    (result,) = results(core.wake(NOW))
    assert result.failure == "ended by signal 9"
    assert executor.cancelled == [request.message_id]


def test_runs_wait_for_each_other_in_the_order_of_their_requests(core, executor, make_request, as_record, success):
    requests = [make_request(number) for number in (1, 2, 3)]
    core.process([as_record(request, offset) for offset, request in enumerate(requests)], NOW)
    for done, request in enumerate(requests, start=1):
        assert [run.run_id for run in executor.started] == [r.message_id for r in requests[:done]]
        executor.told[request.message_id].append(success(request))
        core.wake(NOW)
    assert core.wake(NOW).wake_at is None


def test_a_request_that_comes_twice_is_one_run(core, executor, make_request, as_record, success):
    request = make_request()
    effects = core.process([as_record(request), as_record(request, 1)], NOW)
    assert effects.ignored == {"repeated_request": 1}
    executor.told[request.message_id].append(success(request))
    core.wake(NOW)
    again = core.process([as_record(request, 2)], NOW)
    assert (again.ignored, again.outgoing, len(executor.started)) == ({"repeated_request": 1}, (), 1)


def test_a_worker_that_died_starts_the_run_again_and_remembers_those_that_ended(
    core, executor, spec_record, make_request, as_record, success
):
    done, owed = make_request(1), make_request(2)
    steps = [core.process([as_record(done), as_record(owed, 1)], NOW)]
    executor.told[done.message_id].append(success(done))
    steps.append(core.wake(NOW))
    executor.__init__()
    heir = TrainingRuns(executor, RunLimits())
    heir.take_table(MODEL_SPECS, [spec_record])
    heir.restore(0, state_after(*steps).items())
    heir.wake(NOW)
    assert [run.run_id for run in executor.started] == [owed.message_id]
    assert heir.process([as_record(done)], NOW).ignored == {"repeated_request": 1}


def test_a_run_that_kills_its_worker_again_and_again_is_given_up(core, executor, spec_record, make_request, as_record):
    state = state_after(core.process([as_record(make_request())], NOW))
    for _ in range(2):
        executor.__init__()
        heir = TrainingRuns(executor, RunLimits(starts=3))
        heir.restore(0, state.items())
        state |= state_after(heir.wake(NOW))
        assert len(executor.started) == 1
    executor.__init__()
    heir = TrainingRuns(executor, RunLimits(starts=3))
    heir.restore(0, state.items())
    (result,) = results(heir.wake(NOW))
    assert result.status == "failed"
    assert "the worker died 3 times" in result.failure
    assert executor.started == []


def test_an_aborted_transaction_gives_the_same_result_once_more(core, executor, make_request, as_record, success):
    request = make_request()
    state = state_after(core.process([as_record(request)], NOW))
    executor.told[request.message_id].append(success(request))
    first = core.wake(NOW)
    core.restore(0, state.items())
    again = core.wake(NOW)
    assert again.outgoing == first.outgoing
    assert len(executor.started) == 1


def test_cancel_ends_the_models_runs_with_the_persons_reason(core, executor, make_request, as_record):
    request = make_request()
    core.process([as_record(request)], NOW)
    command = ModelCommand(
        message_id=derive_id("command", 1),
        model_id="plant",
        occurred_at=START,
        command="cancel",
        reason="wrong spec",
        requested_by="ada",
    )
    effects = core.process([as_record(command)], NOW)
    (result,) = results(effects)
    assert (result.status, result.failure) == ("cancelled", "cancelled by ada: wrong spec")
    assert executor.cancelled == [request.message_id], "what it began elsewhere ends too"
    core.wake(NOW)
    assert not executor.holds(request.message_id)


def test_an_unknown_spec_first_asks_for_the_table_and_then_fails_the_run(executor, make_request, as_record):
    runs = TrainingRuns(executor)
    with pytest.raises(StaleTableError):
        runs.process([as_record(make_request())], NOW)
    (result,) = results(runs.process([as_record(make_request())], NOW, tables_current=True))
    assert result.failure == "spec version 1 of plant is not known: apply the spec again"


def test_what_cannot_be_read_is_buried_and_the_rest_goes_on(core, executor, make_request, as_record):
    bad = FakeRecord("training-requests", key="plant", value=b"{not json")
    effects = core.process([bad, as_record(make_request(), 1)], NOW)
    assert [(letter.record, letter.stage) for letter in effects.dead_letters] == [(bad, "decode")]
    assert len(executor.started) == 1


def test_a_revoked_partition_takes_its_runs_along(core, executor, make_request, as_record):
    core.process([as_record(make_request())], NOW)
    core.revoke(0)
    assert executor.told == {}
    assert executor.cancelled == [], "whoever has the partition now goes on with what was begun elsewhere"
    assert core.wake(NOW + timedelta(seconds=1)).wake_at is None


def test_only_the_newest_ids_of_ended_runs_are_remembered(core, executor, make_request, as_record):
    state: dict[str, bytes] = {}
    for number in range(ENDED_KEPT + 5):
        effects = core.process([as_record(make_request(number, spec_version=7), number)], NOW, tables_current=True)
        state = {**state, **{c.key: c.value for c in effects.state_changes}}
    assert sum(value is not None for value in state.values()) == ENDED_KEPT


@pytest.fixture
def elsewhere(executor, spec):
    """A core whose model is trained by another system, and what it is told."""
    told = TrainingRuns(executor, RunLimits())
    training = TrainingRule(executor="external", time_limit_seconds=3600)
    published = ModelSpecPublished(
        message_id=derive_id("spec", 1), model_id="plant", occurred_at=START, spec_version=1,
        spec=spec.model_copy(update={"training": training}),
    )  # fmt: skip
    told.take_table(MODEL_SPECS, [FakeRecord(MODEL_SPECS, key="plant", value=published.to_json())])
    told.restore(0, ())
    return told


def answer_to(request, status="succeeded", **rest):
    message = TrainingResult(
        message_id=derive_id("answer", request.message_id, status), model_id="plant", occurred_at=START,
        run_id=request.message_id, status=status, version=request.version, **rest,
    )  # fmt: skip
    return FakeRecord(TRAINING_ANSWERS, key="plant", value=message.to_json())


def test_a_run_that_others_train_is_not_started_before_its_answer(elsewhere, executor, make_request, as_record):
    request = make_request()
    effects = elsewhere.process([as_record(request)], START)
    assert executor.started == []
    assert effects.wake_at == START + timedelta(hours=1)
    elsewhere.process([answer_to(request, artifact="memory://there", artifact_sha256="0" * 64)], START)
    assert executor.started[0].answer.artifact == "memory://there"


def test_an_answer_is_imported_once(elsewhere, executor, make_request, as_record):
    request = make_request()
    elsewhere.process([as_record(request)], START)
    again = answer_to(request, artifact="memory://there")
    elsewhere.process([again], START)
    assert elsewhere.process([again], START).ignored == {"answer_to_no_run": 1}
    assert len(executor.started) == 1


def test_an_answer_that_says_failed_ends_the_run_with_its_reason(elsewhere, make_request, as_record):
    request = make_request()
    elsewhere.process([as_record(request)], START)
    (out,) = elsewhere.process([answer_to(request, "failed", failure="no GPU was free")], START).outgoing
    assert TrainingResult.from_json(out.value).failure == "no GPU was free"


def test_an_answer_that_does_not_come_ends_the_run_at_its_limit(elsewhere, make_request, as_record):
    elsewhere.process([as_record(make_request())], START)
    assert elsewhere.wake(START + timedelta(minutes=59)).outgoing == ()
    (out,) = elsewhere.wake(START + timedelta(hours=1)).outgoing
    assert "no answer came" in TrainingResult.from_json(out.value).failure


def test_an_answer_outlives_a_restart(elsewhere, executor, make_request, as_record):
    request = make_request()
    kept = elsewhere.process([as_record(request)], START).state_changes
    elsewhere.restore(0, [(change.key, change.value) for change in kept])
    elsewhere.process([answer_to(request, artifact="memory://there")], START)
    assert len(executor.started) == 1
