"""A process that is to end with the one that forked it does, however that ends."""

import os
import signal
import subprocess
import sys

import pytest

_PARENT = """
import os, time
from driftloop.parent_death import die_with_parent
parent = os.getpid()
if os.fork() == 0:
    die_with_parent({told})
    os.write(1, b"child\\n")
    time.sleep(600)
os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_a_child_ends_with_a_parent_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", _PARENT.format(told="parent")], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"child\n"
        os.kill(parent.pid, signal.SIGKILL)
        assert parent.stdout.read() == b"", "the child held this pipe open, so it has ended"


def test_a_child_whose_parent_had_ended_before_ends_at_once():
    other = _PARENT.format(told="parent + 1")
    done = subprocess.run([sys.executable, "-c", other], stdout=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")
