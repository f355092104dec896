"""What the nursery has ready for its children."""

import resource
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry

from driftloop.contracts.message import FramePosition
from driftloop.errors import AwayError
from trainer_worker.adapters.executor import ChildProcesses, Places
from trainer_worker.core.train.run_report import Run
from trainer_worker.metrics import TrainMetrics

PROGRAM = """
import sys
from trainer_worker.adapters import nursery
nursery._import(nursery.ALWAYS)
for needed in ("trainer_worker.adapters.train", "driftloop.archive.reading", "deltalake"):
    assert needed in sys.modules, needed
for dear in ("torch", "sklearn", "river", "confluent_kafka"):
    assert dear not in sys.modules, dear
"""


def test_children_find_their_imports_done_and_no_learners_library_before_it_is_asked_for():
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_a_request_is_not_to_blame_if_the_machine_has_no_room_for_a_process(make_request, spec):
    run = Run(request=make_request(), spec=spec, position=FramePosition(partition=0, offset=0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    executor = ChildProcesses(Places("archive", "artifacts"), TrainMetrics(CollectorRegistry()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(AwayError, match="no process can be started"):
            executor.start(run)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not executor.holds(run.run_id)
