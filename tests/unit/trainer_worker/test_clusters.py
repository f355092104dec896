"""Jobs on clusters: what each end means, and that a lost job is begun anew under another name."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from driftloop.learners.protocol import Rows
from driftloop.rest import Answer, AwayError, Server
from driftloop.spec.model_spec import ClusterJob, TrainingRule
from trainer_worker.adapters.cluster.kubernetes import KubernetesJobs, why_failed
from trainer_worker.adapters.cluster.manifest import manifest
from trainer_worker.adapters.cluster.ports import Attempt, Clusters, JobRefusedError, JobState
from trainer_worker.adapters.cluster.ray import RayJobs, entrypoint
from trainer_worker.adapters.cluster.stopping import Stopper
from trainer_worker.adapters.cluster.train import attempt_of, newest_attempt, run_phase
from trainer_worker.adapters.cluster.watching import CANCELLED, Watch
from trainer_worker.adapters.command.folder import SUBMITTED, RunFolder, let_go
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.adapters.job import Job
from trainer_worker.core.train.run_report import Run
from trainer_worker.metrics import TrainMetrics

RESULT = json.dumps({"format": "predictions"})
Step = JobState | Exception | Callable[[], JobState]


@dataclass
class ToldCluster:
    """Says what a test has it say, one step a look; `now` goes on by ten seconds a wait."""

    says: Iterator[Step]
    begun: list[str] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    refuses: Exception | None = None
    now: float = 0.0

    def begin(self, attempt: Attempt) -> None:
        if self.refuses is not None:
            raised, self.refuses = self.refuses, None
            raise raised
        self.begun.append(attempt.name)

    def look(self, name: str) -> JobState:
        said = next(self.says)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, JobState) else said()

    def wait(self, name: str, seconds: float) -> None:
        self.now += 10.0

    def logs(self, name: str) -> bytes:
        return b"said"

    def stop(self, name: str) -> None:
        """Nothing runs."""

    def clean(self, name: str) -> None:
        self.cleaned.append(name)


GONE, RUNS, WAITS = JobState("gone"), JobState("runs"), JobState("waits")
SUCCEEDED, FAILED = JobState("succeeded"), JobState("failed", "the Ray job ended with exit code 3")
WENT = JobState("failed", "its machine went", again=True)


@pytest.fixture
def job(make_request: Any, spec: Any, tmp_path: Path) -> Job:
    training = TrainingRule(executor="ray", entry="job")
    used = spec.model_copy(update={"training": training, "serving": "external"})
    run = Run(request=make_request(1), spec=used, position={"partition": 0, "offset": 1})  # type: ignore[arg-type]
    return Job(
        run=run, archive_uri="", artifact_uri=str(tmp_path / "artifacts"), archive_wait_seconds=0.0,
        runs_path=str(tmp_path / "runs"), commands={"job": "{python} /srv/train.py"},
    )  # fmt: skip


@pytest.fixture
def ray_server() -> Iterator[tuple[str, list[str]]]:
    """The address of a Ray that knows no job, and the paths of what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is written."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def folder(job: Job, attempt: int = 1) -> RunFolder:
    return RunFolder(Path(job.runs_path), job.run.request, "proof", attempt)


def rows() -> Rows:
    return Rows({"x": np.arange(10.0)}, {"y": np.array(["a", "b"] * 5, dtype=object)})


def go(job: Job, *says: Step, refuses: Exception | None = None) -> tuple[ToldCluster, Any]:
    """Run a phase: the cluster, and the name of the attempt's folder whose result was taken, or why there is none."""
    cluster = ToldCluster(iter(says), refuses=refuses)
    watch = Watch(cluster, lambda _folder: None, clock=lambda: cluster.now)
    try:
        _, _, taken = run_phase(job, watch, "proof", rows(), rows())
    except ValueError as error:
        return cluster, str(error)
    return cluster, taken.path.name


def leaves(job: Job, state: JobState, attempt: int = 1) -> Callable[[], JobState]:
    """A step in which the program leaves its result."""

    def step() -> JobState:
        (folder(job, attempt).path / "result.json").write_text(RESULT)
        return state

    return step


ENDS: dict[str, tuple[Callable[[Job], list[Step]], str, int]] = {
    "it succeeds": (lambda job: [GONE, WAITS, RUNS, leaves(job, SUCCEEDED), SUCCEEDED], "proof", 1),
    "it is said to have failed, and left a result": (lambda job: [GONE, leaves(job, RUNS), FAILED], "proof", 1),
    "it is said to run for ever, and left a result": (lambda job: [GONE, leaves(job, RUNS), *[RUNS] * 9], "proof", 1),
    "it is forgotten, and left a result": (lambda job: [GONE, leaves(job, RUNS), GONE], "proof", 1),
    "it fails": (lambda job: [GONE, FAILED], "the Ray job ended with exit code 3", 1),
    "it succeeds without a result": (lambda job: [GONE, SUCCEEDED], "the command left no result.json", 1),
    "it is forgotten": (
        lambda job: [GONE, RUNS, *[GONE] * 9, GONE, RUNS, leaves(job, SUCCEEDED, 2), SUCCEEDED], "proof.2", 2,
    ),
    "it is forgotten, and leaves a result before it is given up": (
        lambda job: [GONE, RUNS, *[GONE] * 5, leaves(job, GONE), GONE], "proof", 1,
    ),
    "its machine goes": (lambda job: [GONE, WENT, GONE, leaves(job, SUCCEEDED, 2), SUCCEEDED], "proof.2", 2),
    "its machine goes each time": (lambda job: [GONE, WENT] * 3, "the job was lost 3 times: it is not tried again", 3),
    "nobody answers for a while": (
        lambda job: [AwayError("refused"), GONE, AwayError("refused"), *[AwayError("x")] * 20, leaves(job, SUCCEEDED),
                     SUCCEEDED], "proof", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDS)
def test_what_an_end_means(job: Job, name: str):
    says, taken, begun = ENDS[name]
    cluster, found = go(job, *says(job))
    assert found == taken
    assert len(cluster.begun) == begun
    assert len(set(cluster.begun)) == begun, "a name is never used twice"
    if taken.startswith("proof"):
        assert cluster.cleaned == [cluster.begun[-1]]


def test_a_job_that_may_have_been_taken_is_looked_for_before_it_is_begun_again(job: Job):
    cluster, found = go(job, GONE, RUNS, leaves(job, SUCCEEDED), SUCCEEDED, refuses=AwayError("timed out"))
    assert (found, cluster.begun) == ("proof", [])


def test_a_job_that_is_refused_ends_the_run(job: Job):
    _, found = go(job, GONE, refuses=JobRefusedError("Ray does not take the job: 400"))
    assert found == "Ray does not take the job: 400"


def test_a_restart_takes_the_attempt_up_that_was_begun(job: Job):
    folder(job).make(job.run.spec, rows(), rows())
    folder(job, 2).make(job.run.spec, rows(), rows())
    cluster, found = go(job, RUNS, leaves(job, SUCCEEDED, 2), SUCCEEDED)
    assert (found, cluster.begun) == ("proof.2", [])


def test_a_result_that_lies_there_needs_no_cluster_to_say_more(job: Job):
    folder(job).make(job.run.spec, rows(), rows())
    leaves(job, RUNS)()
    assert go(job, GONE)[1] == "proof"


def files(job: Job) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in Path(job.runs_path).rglob("*") if path.is_file()}


def test_a_run_that_has_ended_leaves_no_rows_and_its_answer_can_be_taken_once_more(job: Job):
    lost, root = [GONE, WENT], folder(job).root
    go(job, *lost, GONE, leaves(job, SUCCEEDED, 2), SUCCEEDED)
    for name in ("predictions.parquet", "cache.parquet", "stdout.log"):
        (folder(job, 2).path / name).write_text("x")
    let_go(root, may_be_asked_again=True)
    assert files(job) == {
        "proof/request.json", "proof/submitted", "proof/stdout.log", "proof.2/request.json", "proof.2/submitted",
        "proof.2/result.json", "proof.2/predictions.parquet", "proof.2/stdout.log",
    }  # fmt: skip
    assert go(job, SUCCEEDED)[1] == "proof.2", "a worker that died before the end was written takes it once more"
    let_go(root, may_be_asked_again=False)
    assert not [name for name in files(job) if name.endswith(".parquet")]


def test_a_run_that_goes_on_elsewhere_keeps_its_rows(job: Job):
    executor = ChildProcesses(Places("", ""), TrainMetrics(CollectorRegistry()))
    executor.places = replace(executor.places, runs_path=job.runs_path)
    folder(job).make(job.run.spec, rows(), rows())
    executor.keep(frozenset())
    assert "proof/training.parquet" in files(job)
    on_child = job.run.spec.model_copy(update={"training": TrainingRule(executor="command", entry="job")})
    executor.cancel(job.run.model_copy(update={"spec": on_child}))
    assert files(job) == {"proof/request.json"}
    executor.close()


def test_a_result_of_an_attempt_that_is_not_the_newest_is_not_taken(job: Job):
    def another_begins() -> JobState:
        folder(job, 2).make(job.run.spec, rows(), rows())
        return leaves(job, SUCCEEDED)()

    _, found = go(job, GONE, another_begins, RUNS, leaves(job, SUCCEEDED, 2))
    assert found == "proof.2"


def test_a_cancelled_run_begins_nothing(job: Job):
    folder(job).make(job.run.spec, rows(), rows())
    (folder(job).root / CANCELLED).touch()
    cluster, found = go(job, GONE)
    assert (found, cluster.begun) == ("the run was cancelled", [])


@pytest.mark.parametrize("marker", ["none", "empty", "written"])
def test_every_job_that_may_have_been_begun_is_stopped(job: Job, marker: str, ray_server: tuple[str, list[str]]):
    """A worker may be killed after a job was asked for and before that is written down."""
    url, asked = ray_server
    for attempt in (1, 2):
        folder(job, attempt).make(job.run.spec, rows(), rows())
        if marker != "none":
            name = attempt_of(job, folder(job, attempt)).name if marker == "written" else ""
            (folder(job, attempt).path / SUBMITTED).write_text(name)
    stopper = Stopper(job.runs_path, Clusters(ray_url=url))
    stopper.stop(job.run)
    stopper.close()
    names = [attempt_of(job, folder(job, attempt)).name for attempt in (1, 2)]
    assert asked == [f"/api/jobs/{name}/stop" for name in names]


def test_names_are_of_the_attempt_and_short_enough(job: Job):
    first, second = attempt_of(job, folder(job)), attempt_of(job, folder(job, 2))
    assert first.name != second.name
    assert len(second.name) <= 63
    assert newest_attempt(job, "proof") == 1
    assert first.command == ["python", "/srv/train.py"]


def test_the_cluster_s_path_of_the_folder_may_be_another(job: Job):
    seen = job.model_copy(update={"clusters": Clusters(runs_seen_at="/mnt/runs")})
    attempt = attempt_of(seen, folder(job))
    assert attempt.folder == f"/mnt/runs/{job.run.run_id}/proof"
    assert entrypoint(attempt) == (
        f"cd {attempt.folder} && test ! -e ../cancelled && exec python /srv/train.py"
    )  # fmt: skip


PREEMPTED = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": status}


UNPLACED = {"type": "PodScheduled", "status": "False", "message": "Insufficient nvidia.com/gpu"}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


def ended(**state: Any) -> list[dict[str, Any]]:
    return [{"state": {"terminated": state}}]


@pytest.mark.parametrize(
    ("reason", "pods", "why", "again"),
    [
        ("DeadlineExceeded", [], "took longer than its limit", False),
        ("BackoffLimitExceeded", [pod(containerStatuses=ended(reason="OOMKilled", exitCode=137))], "OOMKilled", False),
        ("BackoffLimitExceeded", [pod(containerStatuses=ended(exitCode=3, message="no key"))], "code 3: no key", False),
        ("BackoffLimitExceeded", [pod(reason="Evicted", message="low on memory")], "Evicted low on memory", True),
        ("BackoffLimitExceeded", [pod(conditions=[PREEMPTED])], "PreemptionByScheduler", True),
        ("BackoffLimitExceeded", [], "pod is gone", True),
    ],
    ids=["deadline", "memory", "program", "eviction", "preemption", "pod-gone"],
)  # fmt: skip
def test_failures_on_kubernetes_are_told_apart(reason: str, pods: list[dict[str, Any]], why: str, again: bool):
    state = why_failed({"reason": reason}, pods)
    assert why in state.why
    assert (state.kind, state.again) == ("failed", again)


@dataclass(frozen=True, slots=True)
class ToldServer(Server):
    """Answers what a test has it answer, by the last part of the path."""

    answers: dict[str, Answer] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return self.answers[path.rstrip("/").rpartition("/")[2]]


def told(**answers: Answer) -> ToldServer:
    return ToldServer("http://told", answers=answers)


@pytest.mark.parametrize(
    ("said", "kind", "why"),
    [
        (waiting("ImagePullBackOff", "no tag"), "failed", "the image cannot be had (ImagePullBackOff): no tag"),
        (waiting("ErrImagePull"), "waits", ""),
        (waiting("CreateContainerConfigError", "no secret"),
         "failed", "the container cannot be made (CreateContainerConfigError): no secret"),
        ({"conditions": [UNPLACED]}, "waits", "no machine takes it: Insufficient nvidia.com/gpu"),
        ({"phase": "Running"}, "runs", ""),
        ({"phase": "Pending"}, "waits", ""),
    ],
    ids=["no-image", "first-pull-fails", "no-secret", "no-machine", "runs", "pending"],
)  # fmt: skip
def test_a_pod_that_has_not_ended(said: dict[str, Any], kind: str, why: str):
    server = told(j=Answer(200, {"status": {}}), pods=Answer(200, {"items": [pod(**said)]}))
    assert KubernetesJobs(server, Clusters()).look("j") == JobState(kind, why)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (Answer(404, "Job j does not exist"), GONE),
        (Answer(200, {"status": "PENDING"}), WAITS),
        (Answer(200, {"status": "RUNNING"}), RUNS),
        (Answer(200, {"status": "SUCCEEDED"}), SUCCEEDED),
        (Answer(200, {"status": "FAILED", "driver_exit_code": 3, "message": "Traceback\nKeyError: x"}),
         JobState("failed", "the Ray job ended with exit code 3 (FAILED): KeyError: x")),
        (Answer(200, {"status": "FAILED", "driver_exit_code": -9}),
         JobState("failed", "the Ray job ended by signal 9 (FAILED)")),
        (Answer(200, {"status": "FAILED", "message": "its node died"}),
         JobState("failed", "the Ray job ended before its program ended (FAILED): its node died", again=True)),
        (Answer(200, {"status": "STOPPED", "driver_exit_code": None}),
         JobState("failed", "the Ray job ended before its program ended (STOPPED)")),
    ],
    ids=["unknown", "pending", "running", "succeeded", "exit-code", "signal", "node-died", "stopped"],
)  # fmt: skip
def test_what_ray_says_of_a_job(said: Answer, state: JobState):
    assert RayJobs(told(j=said)).look("j") == state


@pytest.mark.parametrize(
    ("answer", "raises"),
    [
        (Answer(200, {}), None),
        (Answer(500, "ValueError: Job with submission_id j already exists."), None),
        (Answer(500, "Internal Server Error"), AwayError),
        (Answer(400, "bad runtime_env"), JobRefusedError),
    ],
    ids=["taken", "taken-before", "not-known", "refused"],
)
def test_what_ray_says_to_a_job(job: Job, answer: Answer, raises: type[Exception] | None):
    ray = RayJobs(told(jobs=answer))
    if raises is None:
        ray.begin(attempt_of(job, folder(job)))
        return
    with pytest.raises(raises):
        ray.begin(attempt_of(job, folder(job)))


def test_the_manifest_is_valid_and_says_what_the_spec_asks_for(job: Job):
    wants = ClusterJob(
        image="team/churn:1", gpus=2, cpus=3.5, node_selector={"disk": "ssd"}, tolerates=("nvidia.com/gpu",)
    )  # fmt: skip
    asked = job.run.spec.training.model_copy(update={"cluster": wants})
    spec = job.run.spec.model_copy(update={"training": asked})
    made = job.model_copy(update={"run": job.run.model_copy(update={"spec": spec})})
    body = manifest(attempt_of(made, folder(job)), Clusters(kubernetes_claim="runs"))
    kubernetes_validate.validate(body, "1.31", strict=True)
    inside = body["spec"]["template"]["spec"]
    assert inside["nodeSelector"] == {"disk": "ssd"}
    assert inside["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert inside["containers"][0]["resources"]["requests"] == {
        "memory": "8192Mi", "cpu": "3500m", "nvidia.com/gpu": "2",
    }  # fmt: skip
    assert (body["spec"]["backoffLimit"], inside["restartPolicy"]) == (0, "Never")


@pytest.mark.parametrize(
    "rule",
    [
        {"executor": "ray"},
        {"executor": "kubernetes-job", "entry": "job"},
        {"executor": "ray", "entry": "job", "cluster": {"image": "x"}},
        {"executor": "child", "entry": "job"},
    ],
    ids=["no-entry", "no-image", "an-image-for-ray", "an-entry-for-child"],
)
def test_a_spec_that_makes_no_sense_is_refused(rule: dict[str, Any]):
    with pytest.raises(ValidationError, match=r"training\.(entry|cluster)"):
        TrainingRule.model_validate(rule)


def test_settings_that_name_no_cluster_are_told():
    for make, word in ((RayJobs.of, "RAY_URL"), (KubernetesJobs.of, "KUBERNETES_CLAIM")):
        with pytest.raises(ValueError, match=word):
            make(Clusters())
