"""What every executor that runs a program promises, over all of them: command, ray, kubernetes-job.

Ray and Kubernetes are servers of these tests that run the programs in earnest; a real Ray cluster is in
`test_real_ray.py`.
"""

import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.integration.trainer_worker.clusters import ApiServer, Dashboard, Machines, serving

from driftloop.spec.model_spec import ClusterJob, Feature, TrainingRule
from trainer_worker.adapters.cluster.ports import Clusters
from trainer_worker.adapters.command.logs import read_logs
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.metrics import TrainMetrics

EXECUTORS = ("command", "ray", "kubernetes-job")
pytestmark = pytest.mark.slow
each = pytest.mark.parametrize("kind", EXECUTORS)
on_clusters = pytest.mark.parametrize("kind", EXECUTORS[1:])
GOOD = """
    import json, pathlib, pyarrow as pa, pyarrow.parquet as pq
    request = json.loads(pathlib.Path("request.json").read_text())
    print("learns", request["phase"])
    pathlib.Path("progress.jsonl").write_text(json.dumps({"step": 3, "steps": 4}) + "\\n")
    held_out = pq.read_table("held_out.parquet")
    pq.write_table(pa.table({"y": ["yes"] * len(held_out)}), "predictions.parquet")
    pathlib.Path("result.json.part").write_text(json.dumps({"format": "predictions"}))
    pathlib.Path("result.json.part").replace("result.json")
"""
WAITS = """
    import pathlib, time
    pathlib.Path("begun").touch()
    while not pathlib.Path("../go").exists():
        time.sleep(0.02)
"""


class Bench:
    """A place to run a program by any executor, and to start the worker again in the middle."""

    def __init__(self, kind: str, archive_uri: str, folder: Path, machines: Machines | None, url: str) -> None:
        self.kind, self.folder, self.machines = kind, folder, machines
        clusters = Clusters(
            ray_url=url, kubernetes_url=url or "http://nowhere", kubernetes_token_file=None, kubernetes_ca_file=None,
            kubernetes_claim="runs", kubernetes_images=("team/*",),
        )  # fmt: skip
        self.places = Places(
            archive_uri, str(folder / "artifacts"), 0.5, 2.0, str(folder / "runs"),
            {"job": f"{{python}} {folder / 'program.py'}"}, clusters,
        )  # fmt: skip
        self.metrics = TrainMetrics(CollectorRegistry())
        self.executor = ChildProcesses(self.places, self.metrics)

    def program(self, text: str) -> None:
        (self.folder / "program.py").write_text("\n".join(textwrap.dedent(part) for part in text.split("#then\n")))

    def restart(self) -> None:
        self.executor.close()
        self.executor = ChildProcesses(self.places, self.metrics)

    def end_of(self, run: Any) -> Any:
        ended = ("succeeded", "reused", "failed")
        return next((r for one, r in self.executor.reports() if one == run.run_id and r.kind in ended), None)

    def in_run(self, run: Any, *path: str) -> Path:
        return self.folder.joinpath("runs", str(run.run_id), *path)

    def begun(self, run: Any) -> Callable[[], bool]:
        return self.in_run(run, "proof", "begun").exists


@pytest.fixture(scope="module")
def benches(archive_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Bench]]:
    """One bench a kind for all tests: what takes time is the start of a worker."""
    made: dict[str, Bench] = {}
    with ExitStack() as stack:

        def of(kind: str) -> Bench:
            if kind not in made:
                folder = tmp_path_factory.mktemp(kind)
                machines = {"ray": Dashboard, "kubernetes-job": ApiServer}.get(kind, Machines)(folder)
                url = stack.enter_context(serving(machines))
                made[kind] = Bench(kind, archive_uri, folder, machines, url)
                stack.callback(lambda: made[kind].executor.close())  # noqa: PLW0108  (a restart makes another)
            return made[kind]

        yield of


@pytest.fixture
def bench(kind: str, benches: Callable[[str], Bench]) -> Iterator[Bench]:
    yield benches(kind)
    benches(kind).executor.keep(frozenset())


NUMBERS = count(1)


@pytest.fixture
def asked(kind: str, make_run: Callable[..., Any]) -> Callable[..., Any]:
    """A run by the executor, of a model that others serve."""

    def run(image: str = "team/churn:1", **limits: Any) -> Any:
        cluster = ClusterJob(image=image, gpus=1) if kind == "kubernetes-job" else ClusterJob()
        training = TrainingRule(
            executor=kind, entry="job", cluster=cluster, **{"time_limit_seconds": 190, **limits}  # type: ignore[arg-type]
        )  # fmt: skip
        made = make_run(next(NUMBERS))
        spec = made.spec.model_copy(
            update={"features": {"x": Feature()}, "training": training, "serving": "external"}
        )  # fmt: skip
        return made.model_copy(update={"spec": spec})

    return run


@each
def test_a_program_s_model_progress_and_words_arrive(bench: Bench, asked: Any, until: Any):
    run, told = asked(), []
    bench.program(GOOD)
    bench.executor.start(run)

    def ended() -> Any:
        told.extend(report for one, report in bench.executor.reports() if one == run.run_id)
        return next((report for report in told if report.kind in ("succeeded", "failed")), None)

    end = until(ended)
    assert end.kind == "succeeded", end
    assert (3, 4) in [(report.step, report.steps) for report in told if report.kind == "progress"]
    said = read_logs(str(bench.folder / "artifacts"), bench.folder / "nowhere", str(run.run_id))
    assert said is not None
    assert b"learns proof" in said


@each
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("pass", "left no result.json"),
        ("open('result.json', 'w').write('{}')", "result.json is not usable: format"),
    ],
    ids=["exit-code", "no-result", "half-a-result"],
)
def test_a_program_that_fails_is_told_the_same_way(bench: Bench, asked: Any, until: Any, text: str, why: str):
    run = asked()
    bench.program(text)
    bench.executor.start(run)
    end = until(lambda: bench.end_of(run))
    assert (end.kind, end.again) == ("failed", False)
    assert why in end.reason


@each
def test_a_run_that_takes_too_long_is_ended_with_its_program(bench: Bench, asked: Any, until: Any):
    run = asked(time_limit_seconds=4)
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(run)
    end = until(lambda: bench.end_of(run))
    assert end.reason == "the run took longer than its limit of 4 seconds"
    bench.executor.keep(frozenset())
    until(lambda: _nothing_runs(bench))


@each
def test_a_cancelled_run_ends_its_program(bench: Bench, asked: Any, until: Any):
    run = asked()
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(run)
    until(bench.begun(run))
    bench.executor.cancel(run)
    bench.executor.keep(frozenset())
    until(lambda: _nothing_runs(bench))


def _nothing_runs(bench: Bench) -> bool:
    program = str(bench.folder / "program.py").encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if program in entry.read_bytes():
                return False
        except OSError:
            continue
    return True


@each
def test_a_restart_of_the_worker_in_the_middle_ends_in_one_version(bench: Bench, asked: Any, until: Any):
    run = asked()
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(run)
    until(bench.begun(run))
    bench.restart()
    bench.executor.start(run)
    bench.in_run(run, "go").touch()
    end = until(lambda: bench.end_of(run))
    assert end.kind == "succeeded", end
    if bench.kind != "command":
        assert len([name for name in bench.machines.begun if str(run.run_id) in name]) == 1, (
            "the job went on without the worker, and was taken up again"
        )


@on_clusters
def test_a_cluster_that_is_away_is_waited_for_with_a_word(bench: Bench, asked: Any, until: Any):
    run = asked()
    bench.machines.away = True
    bench.program(GOOD)
    bench.executor.start(run)
    waiting = bench.metrics.cluster
    until(lambda: list(bench.executor.reports()) is not None and waiting._value.get() == 1)
    bench.machines.away = False
    assert until(lambda: bench.end_of(run)).kind == "succeeded"
    assert waiting._value.get() == 0


@pytest.mark.parametrize("kind", ["kubernetes-job"])
def test_an_image_that_the_settings_do_not_allow_is_refused(bench: Bench, asked: Any, until: Any):
    bench.program(GOOD)
    run = asked(image="evil/miner:1")
    bench.executor.start(run)
    assert "may not be named by a spec" in until(lambda: bench.end_of(run)).reason
    assert not [name for name in bench.machines.begun if str(run.run_id) in name]


@pytest.mark.parametrize("kind", ["kubernetes-job"])
def test_the_job_asks_for_what_the_spec_says_and_is_removed_at_its_end(bench: Bench, asked: Any, until: Any):
    run = asked()
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(run)
    until(bench.begun(run))
    ((name, job),) = [(name, job) for name, job in bench.machines.jobs.items() if str(run.run_id) in name]
    container = job.body["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"memory": "8192Mi", "nvidia.com/gpu": "1"}
    assert job.body["spec"]["activeDeadlineSeconds"] == 190
    assert json.dumps(job.body).count(name) >= 1
    bench.in_run(run, "go").touch()
    assert until(lambda: bench.end_of(run)).kind == "succeeded"
    assert name not in bench.machines.jobs
