"""Runs in real child processes, over a real archive: good ones, and every way to fail."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from driftloop.artifacts.store import load_model, verify_artifact
from driftloop.contracts.message import FramePosition
from driftloop.contracts.training_requests import DataRule
from driftloop.spec.model_spec import TrainingRule
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.adapters.rebuild import rebuild
from trainer_worker.core.train.quality import QualityReport
from trainer_worker.metrics import TrainMetrics

LEARNERS = ("random-forest", "gradient-boosting", "linear", "online", "torch-mlp")


WORKER = """
import sys, time
from pathlib import Path
from prometheus_client import CollectorRegistry
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.core.train.run_report import Run
from trainer_worker.metrics import TrainMetrics

executor = ChildProcesses(Places(sys.argv[1], sys.argv[2]), TrainMetrics(CollectorRegistry()))
executor.start(Run.model_validate_json(sys.argv[3]))
while not list(executor.reports()):
    time.sleep(0.01)
Path(sys.argv[4]).write_text(str(executor.nursery_pid))
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_run_gives_a_verified_version_that_learnt_something(end_of, make_run, learner):
    end = end_of(make_run(learner=learner))
    assert end.kind == "succeeded", end
    assert end.metrics["accuracy.y"] > 0.9
    assert len(end.validation.challenger_losses) == 200
    assert (end.data.rows, end.data.last.offset) == (1000, 19)
    artifact = verify_artifact(end.artifact, end.artifact_sha256)
    assert artifact.manifest.version == "1.0.1"
    assert end.profile.version == "1.0.1"
    assert end.profile.loss.rows == 200


@pytest.mark.parametrize("learner", ["random-forest", "torch-mlp"])
def test_the_same_run_gives_the_same_bytes(executor, end_of, make_run, learner):
    first = end_of(make_run(learner=learner))
    executor.keep(frozenset())
    again = end_of(make_run(learner=learner))
    assert again.artifact_sha256 == first.artifact_sha256
    assert again.model_copy(update={"cost": first.cost}) == first


def test_a_challenger_is_held_against_the_champion_on_rows_that_neither_has_learnt(end_of, make_run):
    early = DataRule(until=FramePosition(partition=0, offset=17), rows=900, minimum_rows=10)
    champion = end_of(make_run(1, data=early))
    end = end_of(
        make_run(2, champion="1.0.1", champion_artifact=champion.artifact, champion_sha256=champion.artifact_sha256)
    )
    assert len(end.validation.champion_losses) == len(end.validation.challenger_losses) == 100


def test_an_incremental_run_goes_on_from_the_base_and_leaves_it_as_it_was(end_of, make_run):
    base = end_of(make_run(1, learner="torch-mlp"))
    rule = DataRule(until=FramePosition(partition=0, offset=19), rows=100, minimum_rows=10)
    end = end_of(
        make_run(
            2, learner="torch-mlp", mode="incremental", data=rule, base_version="1.0.1",
            base_artifact=base.artifact, base_sha256=base.artifact_sha256,
        )
    )  # fmt: skip
    assert end.kind == "succeeded", end
    assert verify_artifact(end.artifact).manifest.base_sha256 == base.artifact_sha256
    assert verify_artifact(base.artifact, base.artifact_sha256).sha256 == base.artifact_sha256


def test_a_damaged_champion_fails_the_run_with_a_clear_sentence(end_of, make_run):
    champion = end_of(make_run(1))
    Path(champion.artifact, "model.safetensors").write_bytes(b"not the model")
    end = end_of(
        make_run(2, champion="1.0.1", champion_artifact=champion.artifact, champion_sha256=champion.artifact_sha256)
    )
    assert end.kind == "failed"
    assert "model.safetensors is not the one that was written" in end.reason


def test_a_run_waits_for_the_archive_and_says_when_it_does_not_come(end_of, make_run):
    ahead = DataRule(until=FramePosition(partition=0, offset=500), rows=100)
    assert "did not reach 500 within 0.5 seconds" in end_of(make_run(data=ahead)).reason


def test_too_few_rows_fail_with_a_sentence(end_of, make_run):
    rule = DataRule(until=FramePosition(partition=0, offset=19), rows=1000, minimum_rows=5000)
    assert end_of(make_run(data=rule)).reason == "1000 labelled rows are there, the request asks for at least 5000"


def test_a_folder_that_cannot_be_written_fails_the_run_with_its_reason_and_is_found_again_once_mended(
    executor, end_of, make_run, mounted
):
    folder = Path(executor.places.artifact_uri, "plant")
    mounted(folder, "ro")
    end = end_of(make_run(41))
    assert (end.kind, end.again) == ("failed", False)
    assert end.reason.endswith("/plant/1.0.41 cannot be written: Read-only file system")
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    assert end_of(make_run(42)).kind == "succeeded"


def test_a_learner_that_is_not_installed_fails_with_those_that_are(end_of, make_run):
    reason = end_of(make_run(learner="crystal-ball")).reason
    assert "no learner is called 'crystal-ball'" in reason
    assert "random-forest" in reason


@pytest.mark.parametrize(
    ("learner", "training", "reason"),
    [
        ("raise", TrainingRule(), "the learner raised RuntimeError: no convergence"),
        ("nan", TrainingRule(), "predicts values that are not numbers"),
        ("hang", TrainingRule(time_limit_seconds=0.5), "took longer than its limit of 0.5 seconds"),
        ("eat", TrainingRule(memory_limit_mb=256), "needed more memory than its limit of 256 MB"),
        ("die", TrainingRule(), "was ended by signal 9"),
    ],
)
def test_a_learner_that_misbehaves_ends_as_a_failed_run_with_its_reason(end_of, make_run, learner, training, reason):
    end = end_of(make_run(learner=learner, training=training, task="regression"))
    assert end.kind == "failed"
    assert reason in end.reason
    assert end_of(make_run(2)).kind == "succeeded"


def test_a_child_that_somebody_kills_is_noticed(executor, until, end_of, make_run, children_of):
    run = make_run(learner="hang")
    executor.start(run)
    nursery = executor.nursery_pid
    (child,) = until(lambda: children_of(nursery))
    until(lambda: [report for _, report in executor.reports() if report.kind == "progress"])
    os.kill(child, signal.SIGKILL)
    end = until(lambda: next((r for _, r in executor.reports() if r.kind == "failed"), None))
    assert end.again
    assert "ended by signal 9" in end.reason


def test_a_cancelled_run_leaves_no_process(executor, until, make_run, children_of):
    run = make_run(learner="hang")
    executor.start(run)
    (child,) = until(lambda: children_of(executor.nursery_pid))
    executor.keep(frozenset())
    until(lambda: not alive(child))
    assert not executor.holds(run.run_id)


def test_a_killed_nursery_takes_its_children_along_and_a_new_one_serves(executor, until, end_of, make_run, children_of):
    run = make_run(learner="hang")
    executor.start(run)
    nursery = executor.nursery_pid
    (child,) = until(lambda: children_of(nursery))
    os.kill(nursery, signal.SIGKILL)
    until(lambda: not alive(child))
    end = until(lambda: next((r for _, r in executor.reports() if r.kind == "failed"), None))
    assert end.again
    assert end_of(make_run(2)).kind == "succeeded"


def test_a_run_is_not_given_to_a_nursery_that_is_dying(executor, until, end_of, make_run, children_of):
    executor.start(make_run(learner="hang"))
    nursery = executor.nursery_pid
    (child,) = until(lambda: children_of(nursery))
    os.kill(nursery, signal.SIGKILL)
    until(lambda: not alive(child))
    assert end_of(make_run(2)).kind == "succeeded"
    assert executor.nursery_pid != nursery


def test_a_run_that_is_started_again_does_not_die_of_its_earlier_death(executor, until, end_of, make_run, children_of):
    run = make_run(learner="hang")
    executor.start(run)
    until(lambda: children_of(executor.nursery_pid))
    executor.keep(frozenset())
    until(lambda: not children_of(executor.nursery_pid))
    executor.start(run)
    (child,) = until(lambda: children_of(executor.nursery_pid))
    until(lambda: [report for _, report in executor.reports() if report.kind == "progress"])
    os.kill(child, signal.SIGUSR1)
    end = until(lambda: next((r for _, r in executor.reports() if r.kind == "failed"), None))
    assert f"ended by signal {signal.SIGUSR1:d}" in end.reason


def test_children_die_with_a_worker_that_is_killed(archive_uri, bad_learners, tmp_path, until, make_run, children_of):
    run, told = make_run(learner="hang"), tmp_path / "nursery"
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, str(script), archive_uri, str(tmp_path), run.model_dump_json(), str(told)]
    with subprocess.Popen(command) as worker:
        nursery = int(until(lambda: told.exists() and told.read_text()))
        (child,) = children_of(nursery)
        worker.kill()
    until(lambda: not alive(child) and not alive(nursery))


def test_a_small_run_in_a_warm_worker_is_quick(end_of, make_run):
    """The goal is 0.3 s on an idle machine; the limit here leaves room for a busy one."""
    end_of(make_run(1))
    began = time.monotonic()
    end = end_of(make_run(2))
    assert end.kind == "succeeded"
    assert time.monotonic() - began < 3.0
    assert load_model(end.artifact, end.artifact_sha256) is not None


def test_an_archived_version_that_does_well_again_is_named_and_nothing_is_trained(end_of, make_run):
    early = DataRule(until=FramePosition(partition=0, offset=9), rows=500, minimum_rows=10)
    good = end_of(make_run(1, data=early))
    poor = end_of(make_run(2, data=early, learner="random-forest", learner_parameters={"max_depth": 1}))
    candidate = {"version": "1.0.1", "artifact": good.artifact, "sha256": good.artifact_sha256}
    end = end_of(
        make_run(
            3, champion="1.0.2", champion_artifact=poor.artifact, champion_sha256=poor.artifact_sha256,
            candidates=(candidate,),
        )
    )  # fmt: skip
    assert end.kind == "reused", end
    assert end.version == "1.0.1"
    assert len(end.validation.challenger_losses) == len(end.validation.champion_losses) == 100
    assert not Path(good.artifact).with_name("1.0.3").exists()


@pytest.mark.parametrize("learner", ["random-forest", "linear", "torch-mlp"])
def test_a_version_is_rebuilt_from_its_manifest_and_the_archive_bit_for_bit(
    end_of, make_run, archive_uri, tmp_path, learner
):
    champion = end_of(make_run(1, data=DataRule(until=FramePosition(partition=0, offset=9), rows=500)))
    end = end_of(
        make_run(
            2, learner=learner, champion="1.0.1", champion_artifact=champion.artifact,
            champion_sha256=champion.artifact_sha256,
        )
    )  # fmt: skip
    rebuilt = rebuild(end.artifact, end.artifact_sha256, archive_uri=archive_uri, into=str(tmp_path))
    assert rebuilt.same
    assert rebuilt.sha256 == end.artifact_sha256


def test_the_report_on_the_rows_goes_with_the_version(end_of, make_run):
    end = end_of(make_run(1))
    report = QualityReport.model_validate_json(Path(end.artifact, "quality.json").read_text())
    assert (report.rows, report.left_out, report.findings) == (1000, 0, ())
    assert set(report.labels["y"]) == {"yes", "no"}


def test_a_version_that_is_worse_on_the_golden_set_is_a_failed_run(end_of, make_run, tmp_path):
    golden = tmp_path / "golden.csv"
    golden.write_text("x,colour,y\n" + "3.0,blue,yes\n-3.0,red,no\n" * 20)
    rule = TrainingRule(golden_set=str(golden))
    champion = end_of(make_run(1, training=rule))
    assert champion.metrics["golden_loss"] == 0.0
    poor = {"learner": "random-forest", "learner_parameters": {"n_estimators": 1, "min_samples_leaf": 1000}}
    end = end_of(
        make_run(
            2, training=rule, champion="1.0.1", champion_artifact=champion.artifact,
            champion_sha256=champion.artifact_sha256, **poor,
        )
    )  # fmt: skip
    assert end.kind == "failed"
    assert "worse on the golden set" in end.reason


def test_the_learner_that_the_readme_shows_is_trained_like_any_other(end_of, make_run):
    end = end_of(make_run(learner="mean", task="regression"))
    assert end.kind == "succeeded", end
    assert verify_artifact(end.artifact, end.artifact_sha256).manifest.learner == "mean"


def steps_and_end(executor, until):
    """The steps that a run reports from now on, and its end."""
    steps = []

    def end():
        for _, report in executor.reports():
            if report.kind != "progress":
                return report
            steps.append(report.step)
        return None

    return steps, until(end)


def test_a_run_that_is_killed_goes_on_from_its_checkpoint_and_gives_the_same_bytes(
    archive_uri, tmp_path, until, make_run, children_of
):
    """The first start is killed in the middle of its epochs; the second begins after those that were kept."""
    slow = {"minimum_steps": 0, "epochs": 300, "patience": 1000}
    run = make_run(learner="torch-mlp", learner_parameters=slow, training=TrainingRule(refit=False))

    def trainer(folder):
        places = Places(archive_uri, str(tmp_path / folder), checkpoint_seconds=0.05)
        executor = ChildProcesses(places, TrainMetrics(CollectorRegistry()))
        executor.start(run)
        return executor

    with closing(trainer("whole")) as undisturbed:
        _, whole = steps_and_end(undisturbed, until)
    with closing(trainer("killed")) as executor:
        until(lambda: any(report.kind == "progress" and report.step > 20 for _, report in executor.reports()))
        until(lambda: list((tmp_path / "killed").rglob("proof-*")))
        os.kill(children_of(executor.nursery_pid)[0], signal.SIGKILL)
        until(lambda: any(report.kind == "failed" and report.again for _, report in executor.reports()))
        executor.keep(frozenset())
        executor.start(run)
        steps, resumed = steps_and_end(executor, until)
    assert resumed.kind == "succeeded", resumed
    assert steps[0] > 10
    assert resumed.artifact_sha256 == whole.artifact_sha256
    assert not list((tmp_path / "killed").rglob("proof-*"))
