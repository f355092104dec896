"""A real archive, real child processes, and learners that misbehave on purpose."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake
from prometheus_client import CollectorRegistry

from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY, app_id
from driftloop.contracts.message import FramePosition, derive_id
from driftloop.contracts.training_requests import DataRule, TrainingRequest
from driftloop.spec.model_spec import Feature, ModelSpec, TargetField, TrainingRule
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.adapters.sandbox.kernel import why_not
from trainer_worker.adapters.sandbox.plan import Sandbox
from trainer_worker.core.train.run_report import Report, Run
from trainer_worker.metrics import TrainMetrics

ROWS_PER_FRAME = 50
SANDBOX = Sandbox(sandbox="off" if why_not() else "required")
START = datetime(2026, 1, 5, tzinfo=UTC)


def children_of(pid: int) -> list[int]:
    """Processes that `pid` has forked and not buried yet; none where it is gone itself."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.fixture(name="children_of")
def _children_of() -> Callable[[int], list[int]]:
    return children_of


def archive_table(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    x, colour = rng.normal(size=rows), rng.choice(["red", "blue"], rows)
    y = np.where(x + (colour == "red") > 0.5, "yes", "no")
    size = 3.0 * x + rng.normal(size=rows) * 0.1
    columns = {
        "model_id": ["plant"] * rows,
        "day": [date(2026, 1, 5)] * rows,
        "frame_partition": [0] * rows,
        "frame_offset": [at // ROWS_PER_FRAME for at in range(rows)],
        "frame_row": [at % ROWS_PER_FRAME for at in range(rows)],
        "prediction_id": [f"row-{at:08d}" for at in range(rows)],
        "event": ["outcome"] * rows,
        "predicted_at": [START + timedelta(seconds=at) for at in range(rows)],
        "label_source": ["system"] * rows,
        "numbers": [[("x", float(value))] for value in x],
        "categories": [[("colour", str(value))] for value in colour],
        "labels_number": [[("size", float(value))] for value in size],
        "labels_category": [[("y", str(value))] for value in y],
    }
    arrays = [pa.array(columns.get(f.name, [None] * rows), f.type) for f in ARCHIVE_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=ARCHIVE_SCHEMA)


def write_archive(uri: str, rows: int) -> str:
    through = Transaction(app_id(0), -(-rows // ROWS_PER_FRAME))
    write_deltalake(
        uri,
        archive_table(rows),
        partition_by=PARTITION_BY,
        commit_properties=CommitProperties(app_transactions=[through]),
    )
    return uri


@pytest.fixture(scope="module")
def archive_uri(tmp_path_factory) -> str:
    return write_archive(str(tmp_path_factory.mktemp("archive") / "lake"), 1000)


@pytest.fixture
def make_run():
    def run(number: int = 1, *, task: str = "binary", training: TrainingRule | None = None, **changes) -> Run:
        target = {"y": TargetField()} if task == "binary" else {"size": TargetField(kind="number")}
        spec = ModelSpec(
            model_id="plant",
            task=task,
            features={"x": Feature(), "colour": Feature(kind="category")},
            target=target,
            training=training or TrainingRule(),
        )
        fields = {
            "message_id": derive_id("run", number),
            "model_id": "plant",
            "occurred_at": START,
            "version": f"1.0.{number}",
            "spec_version": 1,
            "learner": "random-forest",
            "data": DataRule(until=FramePosition(partition=0, offset=19), rows=1000, minimum_rows=10),
            "seed": 7,
            "reason": "drift",
        }
        request = TrainingRequest(**(fields | changes))
        if request.learner == "torch-mlp" and not request.learner_parameters:
            request = request.model_copy(update={"learner_parameters": {"minimum_steps": 0, "learning_rate": 0.01}})
        return Run(request=request, spec=spec, position=FramePosition(partition=0, offset=number))

    return run


@pytest.fixture(scope="module")
def processes(archive_uri, bad_learners, tmp_path_factory) -> Iterator[ChildProcesses]:
    places = Places(archive_uri, str(tmp_path_factory.mktemp("artifacts")), archive_wait_seconds=0.5, sandbox=SANDBOX)
    processes = ChildProcesses(places, TrainMetrics(CollectorRegistry()))
    yield processes
    processes.close()


@pytest.fixture
def executor(processes, until) -> Iterator[ChildProcesses]:
    """One nursery serves the tests of a module; each leaves no run and no child behind."""
    yield processes
    processes.keep(frozenset())
    if processes.nursery_pid is not None:
        until(lambda: not children_of(processes.nursery_pid))


@pytest.fixture
def until():
    """Wait for a condition, at most 200 seconds: machines are busy."""

    def wait(condition: Callable[[], object], seconds: float = 200.0) -> object:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.01)
        return found

    return wait


@pytest.fixture
def end_of(executor, until):
    """The end of a run, after it was started."""

    def end(run: Run) -> Report:
        executor.start(run)
        return until(lambda: next((r for i, r in executor.reports() if i == run.run_id and r.kind != "progress"), None))

    return end


def readme_learner() -> str:
    """The learner that the documentation shows, as it stands there."""
    page = (Path(__file__).parents[3] / "docs" / "extending.md").read_text()
    return page.split("## Bring your own learner")[1].split("```python\n")[1].split("```")[0]


@pytest.fixture(scope="module")
def bad_learners(tmp_path_factory) -> Iterator[None]:
    """Installs a distribution with learners that hang, raise, eat memory, say NaN, or die."""
    site = tmp_path_factory.mktemp("site")
    info = site / "bad_learners-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-learners\nVersion: 1.0\n")
    points = "\n".join(
        f"{name} = bad_learners:make_{name}" for name in ("hang", "raise", "eat", "nan", "die", "waiting", "read")
    )
    (info / "entry_points.txt").write_text(f"[driftloop.learners]\nmean = my_module:make\n{points}\n")
    (site / "my_module.py").write_text(readme_learner())
    (site / "bad_learners.py").write_text((Path(__file__).parent / "bad_learners.txt").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        yield
