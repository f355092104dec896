"""Executor `command`: programs that know nothing of driftloop, good and bad ones, in real processes."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prometheus_client import CollectorRegistry

from driftloop.artifacts.store import load_model
from driftloop.contracts.training_results import TrainingResult
from driftloop.spec.model_spec import Feature, TrainingRule
from trainer_worker.adapters.command.guard import processes_of
from trainer_worker.adapters.command.logs import read_logs
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.metrics import TrainMetrics

PAGE = (Path(__file__).parents[3] / "docs" / "beside.md").read_text()
SCRIPT = re.search(r'```python title="train.py"\n(.*?)```', PAGE, re.DOTALL).group(1)
BY_COMMAND = TrainingRule(executor="command", entry="job", time_limit_seconds=120)
GOOD_END = """
    import json, pathlib, pyarrow as pa, pyarrow.parquet as pq
    held_out = pq.read_table("held_out.parquet")
    pq.write_table(pa.table({"y": ["yes"] * len(held_out)}), "predictions.parquet")
    pathlib.Path("result.json").write_text(json.dumps({"format": "predictions"}))
"""


EATS = """
    import subprocess, sys, time
    subprocess.Popen([sys.executable, "-c", "held = bytearray(200 << 20); import time; time.sleep(60)"])
    time.sleep(60)
"""


@pytest.fixture
def by_command(make_run):
    """A run of executor command whose model has numbers alone."""

    def run(number=1, training=BY_COMMAND, **changes):
        made = make_run(number)
        spec = made.spec.model_copy(update={"features": {"x": Feature()}, "training": training, **changes})
        return made.model_copy(update={"spec": spec})

    return run


@pytest.fixture
def programs(archive_uri, tmp_path, until):
    """Runs a program's text as the command `job`; gives its end and the executor."""
    made = []

    def run(text, asked):
        script = tmp_path / "program.py"
        script.write_text(textwrap.dedent(text))
        places = Places(
            archive_uri, str(tmp_path / "artifacts"), 0.5, 2.0, str(tmp_path / "runs"), {"job": f"{{python}} {script}"}
        )
        executor = ChildProcesses(places, TrainMetrics(CollectorRegistry()))
        made.append(executor)
        executor.start(asked)
        return executor

    yield run
    for executor in made:
        executor.close()


@pytest.fixture
def end_of_program(programs, until):
    def end(text, asked):
        executor = programs(text, asked)
        ended = ("succeeded", "reused", "failed")
        return until(lambda: next((r for _, r in executor.reports() if r.kind in ended), None))

    return end


def rows_left(tmp_path):
    """Files with rows, or with what a program made of them, in the folders of runs."""
    kept = {"stdout.log", "stderr.log", "request.json", "result.json"}
    return [path for path in (tmp_path / "runs").rglob("*") if path.is_file() and path.name not in kept]


def test_the_script_of_the_docs_trains_a_version_that_is_proven_refitted_and_loaded(
    end_of_program, by_command, tmp_path
):
    asked = by_command()
    end = end_of_program(SCRIPT, asked)
    assert end.kind == "succeeded", end
    assert end.refitted
    assert end.metrics["accuracy.y"] > 0.7
    assert len(end.validation.challenger_losses) == end.metrics["held_out_rows"]
    assert "x" in end.profile.numeric
    assert type(load_model(end.artifact, end.artifact_sha256)).__name__ == "OnnxModel"
    said = read_logs(str(tmp_path / "artifacts"), tmp_path / "nowhere", str(asked.run_id)).decode()
    assert said.splitlines()[:2] == ["== proof, stdout ==", "proof: learnt 800 rows"]
    assert "refit: learnt 1000 rows" in said
    assert rows_left(tmp_path) == []


def test_the_script_is_short():
    assert len([line for line in SCRIPT.splitlines() if line.strip()]) <= 40
    assert "driftloop" not in SCRIPT


WITHOUT_REFIT = TrainingRule(executor="command", entry="job", refit=False)


@pytest.mark.parametrize(
    ("text", "changes", "why"),
    [
        ("raise SystemExit(3)", {}, "ended with exit code 3"),
        ("raise RuntimeError('no licence')", {}, "RuntimeError: no licence"),
        ("import os; os.kill(os.getpid(), 9)", {}, "ended by signal 9"),
        ("pass", {}, "left no result.json"),
        ("open('result.json', 'w').write('{}')", {}, "result.json is not usable: format"),
        ("open('result.json', 'w').write('{\"format\": \"pickle\"}')", {}, "result.json is not usable: format"),
        (
            'open("result.json", "w").write(\'{"format": "onnx", "model": "../../../etc/passwd"}\')',
            {},
            "outside of the run's folder",
        ),
        (
            'open("model.onnx", "w").write("x"); open("result.json", "w").write(\'{"format": "onnx"}\')',
            {},
            "not usable ONNX",
        ),
        (GOOD_END, {}, "only of a model that others serve"),
        (SCRIPT.replace("checked = model.predict", "checked = -1 * (model.predict").replace(
            '(matrix("check_rows.parquet"))', '(matrix("check_rows.parquet")) == "yes")'), {}, "says something else"),
        (
            EATS,
            {"training": TrainingRule(executor="command", entry="job", memory_limit_mb=128)},
            "more memory than its limit of 128 MB",
        ),
        (
            "import time; time.sleep(60)",
            {"training": TrainingRule(executor="command", entry="job", time_limit_seconds=3)},
            "took longer than its limit of 3 seconds",
        ),
        ("pass", {"training": TrainingRule(executor="command", entry="other")}, "has no command 'other' (it has: job)"),
    ],
)  # fmt: skip
def test_what_a_program_does_wrong_fails_the_run_with_its_reason(
    end_of_program, by_command, tmp_path, text, changes, why
):
    end = end_of_program(text, by_command(**changes))
    assert end.kind == "failed"
    assert why in end.reason
    assert rows_left(tmp_path) == []


def test_predictions_prove_a_version_of_a_model_that_others_serve(end_of_program, by_command):
    end = end_of_program(GOOD_END, by_command(serving="external"))
    assert end.kind == "succeeded", end
    assert end.artifact is None
    assert end.refitted is False
    assert set(end.validation.challenger_losses) == {0.0, 1.0}


TREE = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("up", flush=True)
time.sleep(600)
"""


def session_of(tmp_path, run, until):
    """The session of a program that has said that it is up, with both of its processes."""
    log = tmp_path / "runs" / str(run.run_id) / "proof" / "stdout.log"
    until(lambda: log.exists() and "up" in log.read_text())
    here = str(log.parent)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "cwd").readlink()) == here:
                return os.getsid(int(entry.name))
        except OSError:
            continue
    raise AssertionError("the program is not there")


def test_a_cancelled_run_leaves_no_process_of_its_program(programs, by_command, until, tmp_path):
    asked = by_command()
    executor = programs(TREE, asked)
    session = session_of(tmp_path, asked, until)
    assert len(processes_of(session)) == 2
    executor.cancel(asked)
    executor.keep(frozenset())
    until(lambda: not processes_of(session))
    assert rows_left(tmp_path) == []


def test_a_killed_trainer_takes_the_programs_along(programs, by_command, until, tmp_path):
    asked = by_command()
    executor = programs(TREE, asked)
    session = session_of(tmp_path, asked, until)
    os.kill(executor.nursery_pid, signal.SIGKILL)
    until(lambda: not processes_of(session))


def test_progress_and_the_cost_of_the_whole_tree_are_told(programs, by_command, until):
    text = (
        """
    import json, subprocess, sys
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 1: pass"], check=True)
    with open("progress.jsonl", "a") as file:
        file.write(json.dumps({"step": 2, "steps": 4, "training_loss": 0.5}) + "\\nno json\\n")
    """
        + GOOD_END
    )
    executor, progress, ends = programs(text, by_command(serving="external")), [], []

    def heard():
        for _, report in executor.reports():
            (progress if report.kind == "progress" else ends).append(report)
        return [end for end in ends if end.kind in {"succeeded", "failed"}]

    (end, *_) = until(heard)
    assert end.kind == "succeeded", end
    assert end.cost.cpu_seconds > 1
    assert (progress[0].step, progress[0].steps, progress[0].training_loss) == (2, 4, 0.5)
    assert json.dumps(sys.argv)


ANSWER = re.search(r'```python title="answer.py"\n(.*?)```', PAGE, re.DOTALL).group(1)


def my_training(request, folder, holes=True):
    """Somebody's own training: the script of the docs on rows of its own."""
    random = np.random.default_rng(3)
    x = random.normal(size=400)
    rows = {"x": x, "y": np.where(x > 0.5, "yes", "no")}
    pq.write_table(pa.table(rows), folder / "training.parquet")
    checked = x[:40].copy()
    checked[::4] = np.nan if holes else 0.0
    pq.write_table(pa.table({"x": pa.array(checked, from_pandas=True)}), folder / "check_rows.parquet")
    described = {"features": {"x": "number"}, "target": {"y": "category"}, "phase": "proof"}
    (folder / "request.json").write_text(json.dumps(described))
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, check=True)


def answered(by_command, folder, train=my_training, **changes):
    """A run that others train, with the answer of the docs' program."""
    space = {}
    exec(compile(ANSWER, "answer.py", "exec"), space)
    folder.mkdir()
    asked = by_command(training=TrainingRule(executor="external"))
    said = space["answer"](json.loads(asked.request.to_json()), train, folder)
    answer = TrainingResult.from_json(json.dumps({**said, **changes}))
    return asked.model_copy(update={"answer": answer})


def test_an_answer_of_the_docs_program_is_imported_and_proves_nothing_beforehand(end_of_program, by_command, tmp_path):
    end = end_of_program("", answered(by_command, tmp_path / "mine"))
    assert end.kind == "succeeded", end
    assert end.validation.challenger_losses == ()
    assert end.metrics["accuracy.y"] > 0.7
    assert end.artifact.startswith(str(tmp_path / "artifacts"))
    assert rows_left(tmp_path) == []
    assert type(load_model(end.artifact, end.artifact_sha256)).__name__ == "OnnxModel"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"artifact_sha256": "0" * 64}, "has SHA-256"),
        ({"artifact": "/nowhere/at/all"}, "cannot be read"),
        ({"artifact": None}, "names no artifact"),
        ({"artifact_sha256": None}, "with its SHA-256"),
    ],
)
def test_an_answer_that_cannot_be_trusted_fails_the_run(end_of_program, by_command, tmp_path, changes, why):
    end = end_of_program("", answered(by_command, tmp_path / "mine", **changes))
    assert end.kind == "failed"
    assert why in end.reason


def test_check_rows_without_a_missing_value_prove_nothing(end_of_program, by_command, tmp_path):
    asked = answered(by_command, tmp_path / "mine", lambda request, folder: my_training(request, folder, holes=False))
    end = end_of_program("", asked)
    assert "some with a missing value" in end.reason
