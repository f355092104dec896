"""Executor `ray` on a real Ray cluster (2.60) of this machine: its programs killed, and ours.

Off unless DRIFTLOOP_RAY is set: `1` has Ray installed once (0.3 GB) under the user's cache, `short` does so too and
runs the kills only, as CI does; a path names the folder of an environment that has it, and an address a cluster of
this machine that runs. A cluster takes 10 to 60 s to start and 0.8 GB of memory.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.environments import NotInstalledError, environment
from tests.integration.trainer_worker.test_executors import GOOD, WAITS, Bench

from driftloop.spec.model_spec import Feature, TrainingRule

ASKED = os.environ.get("DRIFTLOOP_RAY", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not ASKED, reason="DRIFTLOOP_RAY=1 installs a cluster and runs"),
]
whole = pytest.mark.skipif(ASKED == "short", reason="DRIFTLOOP_RAY=1 runs this too")


def program() -> Path:
    """The command `ray` of an environment."""
    try:
        return (environment("ray") if ASKED in ("1", "short") else Path(ASKED)) / "bin" / "ray"
    except NotInstalledError as error:
        pytest.skip(f"Ray cannot be installed: {error}")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a head node's dashboard."""
    if ASKED.startswith("http"):
        yield ASKED
        return
    port, shown, agent = free_ports(3)
    temp = Path("/tmp") / f"dl-ray-{os.getpid()}"  # sockets below it must have short names
    command = [
        program(), "start", "--head", "--block", "--disable-usage-stats", "--num-cpus", "4",
        "--node-ip-address", "127.0.0.1", "--port", str(port), "--dashboard-host", "127.0.0.1",
        "--dashboard-port", str(shown), "--dashboard-agent-listen-port", str(agent), "--temp-dir", str(temp),
        "--object-store-memory", str(100 << 20),
    ]  # fmt: skip
    log = (tmp_path_factory.mktemp("ray") / "log").open("wb")
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env={**os.environ, "RAY_DISABLE_IMPORT_WARNING": "1"},
    )
    url, deadline = f"http://127.0.0.1:{shown}", time.monotonic() + 300
    try:
        while True:
            assert process.poll() is None, "Ray did not start"
            assert time.monotonic() < deadline, "Ray did not start in time"
            try:
                urllib.request.urlopen(f"{url}/api/jobs/", timeout=5).close()
                break
            except OSError:
                time.sleep(0.3)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


@pytest.fixture
def bench(archive_uri: str, tmp_path: Path, dashboard: str) -> Iterator[Bench]:
    made = Bench("ray", archive_uri, tmp_path, None, dashboard)
    made.executor.close()
    made.places.commands["job"] = f"{sys.executable} {tmp_path / 'program.py'}"  # type: ignore[index]
    made.restart()
    yield made
    made.executor.close()


NUMBERS = iter(range(1, 100))


@pytest.fixture
def asked(make_run: Callable[..., Any]) -> Any:
    training = TrainingRule(executor="ray", entry="job", time_limit_seconds=240)
    made = make_run(next(NUMBERS))
    update = {"features": {"x": Feature()}, "training": training, "serving": "external"}
    return made.model_copy(update={"spec": made.spec.model_copy(update=update)})


def jobs(dashboard: str, run: Any) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{dashboard}/api/jobs/", timeout=30) as answer:
        return [job for job in json.loads(answer.read()) if str(run.run_id) in job["submission_id"]]


def pid_of(bench: Bench, run: Any) -> int:
    """The process of the run's program; 0 where there is none."""
    program = f"{bench.folder / 'program.py'}".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if program in words:
            return int(entry.parent.name)
    return 0


@whole
def test_a_program_trains_on_ray(bench: Bench, asked: Any, until: Any, dashboard: str):
    bench.program(GOOD)
    began = time.monotonic()
    bench.executor.start(asked)
    end = until(lambda: bench.end_of(asked))
    assert end.kind == "succeeded", end
    print(f"Ray: {time.monotonic() - began:.1f} s from start to version")  # noqa: T201
    assert [job["status"] for job in jobs(dashboard, asked)] in (["SUCCEEDED"], ["RUNNING"])


def test_a_killed_program_is_a_clear_failure(bench: Bench, asked: Any, until: Any):
    bench.program(WAITS)
    bench.executor.start(asked)
    os.kill(until(lambda: bench.begun(asked)() and pid_of(bench, asked)), signal.SIGKILL)
    end = until(lambda: bench.end_of(asked))
    assert (end.kind, end.again) == ("failed", False)
    assert "the Ray job ended by signal 9" in end.reason


def test_a_killed_worker_of_driftloop_ends_in_one_version(bench: Bench, asked: Any, until: Any, dashboard: str):
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(asked)
    until(bench.begun(asked))
    os.kill(bench.executor.nursery_pid, signal.SIGKILL)  # type: ignore[arg-type]
    bench.restart()
    bench.executor.start(asked)
    bench.in_run(asked, "go").touch()
    end = until(lambda: bench.end_of(asked))
    assert end.kind == "succeeded", end
    assert len(jobs(dashboard, asked)) == 1, "the job was taken up, not begun again"


def test_a_killed_supervisor_on_ray_ends_in_one_version_or_a_clear_failure(
    bench: Bench, asked: Any, until: Any, dashboard: str
):
    bench.program(WAITS + "#then\n" + GOOD)
    bench.executor.start(asked)
    until(bench.begun(asked))
    killed = supervisors(str(asked.run_id))
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    bench.in_run(asked, "go").touch()
    end = until(lambda: bench.end_of(asked))
    said = [job["status"] for job in jobs(dashboard, asked)]
    print(f"killed supervisor: {end.kind} {getattr(end, 'reason', '')} {said}")  # noqa: T201
    assert end.kind in ("succeeded", "failed")


def supervisors(run_id: str) -> list[int]:
    """Ray's own processes that look after the jobs of this test: actors named after their class."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = entry.read_bytes()
        except OSError:
            continue
        if (title.startswith(b"ray::") and b"JobSupervisor" in title) or title.startswith(
            b"ray::_ray_internal_job_actor"
        ):
            found.append((run_id.encode() in title, int(entry.parent.name)))
    named = [pid for ours, pid in found if ours]
    return named or [pid for _, pid in found]


@whole
def test_a_cancelled_run_ends_on_ray(bench: Bench, asked: Any, until: Any, dashboard: str):
    bench.program(WAITS)
    bench.executor.start(asked)
    until(lambda: bench.begun(asked)() and pid_of(bench, asked))
    bench.executor.cancel(asked)
    bench.executor.keep(frozenset())
    until(lambda: not pid_of(bench, asked))
    until(lambda: [job["status"] for job in jobs(dashboard, asked)] == ["STOPPED"])
