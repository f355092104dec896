"""Runs that look around: what the kernel refuses, what it says, and what still works."""

import json
import os
import socket
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from driftloop.archive import archived_until
from driftloop.artifacts.store import verify_artifact
from driftloop.spec.model_spec import Feature, TrainingRule
from trainer_worker import app
from trainer_worker.adapters.command.logs import read_logs
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.adapters.job import Job
from trainer_worker.adapters.sandbox import kernel, plan
from trainer_worker.adapters.sandbox.kernel import Rules, why_not
from trainer_worker.adapters.sandbox.plan import Sandbox, of_child, of_command
from trainer_worker.metrics import TrainMetrics

pytestmark = pytest.mark.skipif(bool(why_not()), reason="this kernel has no Landlock or no seccomp")
WHOLE = ("files", "network")
REQUIRED = Sandbox(sandbox="required", sandbox_commands="required")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest.fixture(scope="module")
def confined(archive_uri, bad_learners, place) -> Iterator[ChildProcesses]:
    """One nursery for all: what its runs train is kept to their folders; `allowed.pem` may be read."""
    (place / "program").mkdir()
    places = Places(
        archive_uri, str(place / "artifacts"), 0.5, runs_path=str(place / "runs"),
        commands={"job": f"{{python}} {place / 'program' / 'program.py'}"},
        sandbox=REQUIRED.model_copy(update={"sandbox_reads": (str(place / "allowed.pem"),)}),
    )  # fmt: skip
    with closing(ChildProcesses(places, TrainMetrics(CollectorRegistry()))) as executor:
        yield executor


@pytest.fixture
def end_in(confined, place, until):
    """The end of a run; `command` is the text of the program `job`."""

    def end(run, command=""):
        (place / "program" / "program.py").write_text(textwrap.dedent(command))
        confined.keep(frozenset())
        confined.start(run)
        kinds = ("succeeded", "reused", "failed")
        return until(lambda: next((r for _, r in confined.reports() if r.kind in kinds), None))

    return end


@pytest.fixture
def secret(place) -> Path:
    (place / "secret.pem").write_text("key")
    (place / "allowed.pem").write_text("licence")
    return place / "secret.pem"


def listening():
    server = socket.create_server(("127.0.0.1", 0))
    return server, server.getsockname()[1]


def test_a_run_says_what_it_was_kept_from_and_leaves_nothing_but_its_version(end_in, make_run, place):
    end = end_in(make_run(31))
    assert (end.kind, end.sandbox, end.remarks) == ("succeeded", WHOLE, ())
    kept = place / "artifacts" / ".checkpoints" / "plant"
    assert not kept.exists(), "the next run may have been given it by now"
    assert [path.name for path in (place / "artifacts" / "plant").iterdir()] == ["1.0.31"]
    assert verify_artifact(end.artifact, end.artifact_sha256).sha256 == end.artifact_sha256


def test_a_learner_that_opens_a_file_elsewhere_fails_and_names_it(end_in, make_run, place, secret):
    end = end_in(make_run(32, learner="read", learner_parameters={"what": str(secret)}))
    assert end.kind == "failed"
    assert f"Permission denied: '{secret}'" in end.reason
    assert f"refuses {secret}: name it in DRIFTLOOP_TRAINER_WORKER_SANDBOX_READS" in end.reason
    assert not (place / "artifacts" / "plant" / "1.0.32").exists()
    allowed = {"what": str(secret.with_name("allowed.pem"))}
    assert end_in(make_run(33, learner="read", learner_parameters=allowed)).kind == "succeeded"


SIGNAL = pytest.param(
    "signal", marks=pytest.mark.skipif(kernel._landlock() < 6, reason="Linux 6.12 keeps signals inside")
)


@pytest.mark.parametrize("what", ["connect", "environment", "write", SIGNAL])
def test_a_learner_that_reaches_out_fails_with_a_sentence(end_in, make_run, place, what):
    server, port = listening()
    with server:
        how = {
            "connect": f"connect:{port}",
            "environment": f"/proc/{os.getpid()}/environ",
            "write": f"write:{place / 'artifacts' / 'plant' / '1.0.0'}",
            "signal": f"signal:{os.getpid()}",
        }[what]
        end = end_in(make_run(learner="read", learner_parameters={"what": how}))
    assert end.kind == "failed"
    assert "Errno 1" in end.reason
    assert "sandbox" in end.reason


LOOKS = """
    import json, os, pathlib, socket, pyarrow as pa, pyarrow.parquet as pq, tempfile, multiprocessing
    {deed}
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
    held_out = pq.read_table("held_out.parquet")
    pq.write_table(pa.table({{"y": ["yes"] * len(held_out)}}), "predictions.parquet")
    pathlib.Path("result.json").write_text(json.dumps({{"format": "predictions"}}))
"""


@pytest.mark.parametrize(
    ("deed", "why"),
    [
        ("open('{secret}').read()", "refuses {secret}: name it in DRIFTLOOP_TRAINER_WORKER_SANDBOX_READS"),
        ("socket.create_connection(('127.0.0.1', {port}))", "runs have no network"),
        ("os.system('cat {secret} > copied') and exit('Permission denied')", "sandbox"),
        ("socket.socket(socket.AF_UNIX)", None),
        ("pathlib.Path(__file__).with_name('program.py').read_text()", None),
    ],
    ids=["reads", "connects", "by-a-child", "unix-socket", "its-own-folder"],
)
def test_a_program_is_kept_to_its_folder(end_in, make_run, place, secret, deed, why):
    made = make_run()
    rule = TrainingRule(executor="command", entry="job", refit=False)
    spec = made.spec.model_copy(update={"features": {"x": Feature()}, "training": rule, "serving": "external"})
    server, port = listening()
    with server:
        text = LOOKS.format(deed=deed.format(secret=secret, port=port))
        end = end_in(made.model_copy(update={"spec": spec}), text)
    if why is None:
        assert (end.kind, end.sandbox) == ("succeeded", WHOLE), end
        return
    assert end.kind == "failed"
    assert why.format(secret=secret) in end.reason
    said = read_logs(str(place / "artifacts"), place / "runs", str(made.run_id)).decode()
    assert "ermission denied" in said


@pytest.fixture
def job(make_run, tmp_path):
    def made(run=None, **places):
        given = {"archive_uri": str(tmp_path), "artifact_uri": str(tmp_path / "artifacts"), "archive_wait_seconds": 1}
        return Job(run=run or make_run(), **(given | places))

    return made


@pytest.mark.parametrize(
    ("places", "changes", "why"),
    [
        ({"archive_uri": "memory://lake"}, {}, "memory://lake is not on this machine"),
        ({"artifact_uri": "memory://made"}, {}, "memory://made/plant is not on this machine"),
        ({}, {"champion_artifact": "memory://made/plant/1"}, "memory://made/plant/1 is not on this machine"),
        ({}, {"learner": "open-inference"}, "a server is asked about the run's own model"),
    ],
    ids=["archive", "store", "champion", "served"],
)
def test_what_needs_the_network_is_told_or_refused(job, make_run, places, changes, why):
    told = of_child(job(make_run(**changes), **places), "")
    assert told.rules.keep_from == ("files",)
    assert [remark.replace("memory://made is", "memory://made/plant is") for remark in told.remarks] == [
        f"the run was not kept from the network: {why}"
    ]
    with pytest.raises(ValueError, match="the settings ask for a sandbox, so the run is not trained"):
        of_child(job(make_run(**changes), **places, sandbox=REQUIRED), "")


def test_a_champion_behind_a_server_leaves_the_network_open(job, make_run, tmp_path):
    folder = tmp_path / "artifacts" / "plant" / "1.0.0"
    folder.mkdir(parents=True)
    made = make_run(champion="1.0.0", champion_artifact=str(folder))
    assert of_child(job(made), "").rules.keep_from == WHOLE
    manifest = {
        "model_id": "plant", "version": "1.0.0", "learner": "open-inference", "seed": 1, "mode": "full",
        "spec_version": 1, "spec": made.spec.model_dump(mode="json"), "files": {}, "metrics": {},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert of_child(job(made), "").open == {"network": f"a server is asked about {folder}"}


def test_a_machine_that_cannot_is_told_or_refused(job, make_run, monkeypatch):
    monkeypatch.setattr(plan, "why_not", lambda: {"files": "the kernel gives no Landlock"})
    told = of_child(job(), "")
    assert (told.rules.keep_from, told.remarks) == (
        ("network",), ("the run was not kept from other files: the kernel gives no Landlock",)
    )  # fmt: skip
    assert Sandbox().keeps_from("child") == ("network",)
    assert Sandbox(sandbox="off").lacking() == {}
    with pytest.raises(ValueError, match="cannot be kept from other files: the kernel gives no Landlock"):
        of_child(job(sandbox=REQUIRED), "")
    by_command = make_run(training=TrainingRule(executor="command", entry="job"))
    with pytest.raises(ValueError, match="cannot be kept from other files"):
        of_command(job(by_command, sandbox=REQUIRED), Path("runs"))
    assert of_command(job(by_command), Path("runs")).rules == Rules(keep_from=())


def test_a_trainer_shows_what_its_runs_are_kept_from():
    registry = CollectorRegistry()
    app._show(Sandbox(), TrainMetrics(registry))
    shown = {
        (executor, of): registry.get_sample_value("driftloop_training_sandbox", {"executor": executor, "of": of})
        for executor in ("child", "command")
        for of in WHOLE
    }
    assert shown == {
        ("child", "files"): 1.0, ("child", "network"): 1.0, ("command", "files"): 0.0, ("command", "network"): 0.0,
    }  # fmt: skip


def test_an_archive_that_is_not_there_yet_may_still_come(job, tmp_path):
    lake = tmp_path / "new" / "lake"
    assert str(lake) in of_child(job(archive_uri=str(lake)), "").rules.reads
    assert archived_until(str(lake), 0) == 0
    (lake / "model_id=plant").mkdir()
    reads = of_child(job(archive_uri=str(lake)), "").rules.reads
    assert str(lake) not in reads
    assert str(lake / "model_id=plant") in reads


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else for a moment")
def test_a_file_that_its_owner_keeps_is_not_blamed_on_the_sandbox(job):
    confined = of_child(job(), "")
    refused = PermissionError(13, "Permission denied", "/etc/shadow")
    assert "the sandbox of runs refuses /etc/shadow" in confined.hint(refused)
    os.seteuid(65_534)
    try:
        assert confined.hint(refused) == ""
    finally:
        os.seteuid(0)
    assert confined.hint(ValueError("no convergence")) == ""


def test_data_below_a_folder_of_modules_is_not_opened_with_it(job, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "plug-ins"))
    reads = of_child(job(), "").rules.reads
    assert str(tmp_path / "plug-ins") in reads
    inside = of_child(job(archive_uri=str(tmp_path / "lake")), "").rules.reads
    assert str(tmp_path) not in inside
    assert str(tmp_path / "lake") in inside
