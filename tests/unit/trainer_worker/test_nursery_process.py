"""A nursery that is forked behaves as one that was started by itself."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a nursery is forked on Linux alone")

PROGRAM = """
import contextlib, socket, subprocess, sys, threading
from pathlib import Path
from trainer_worker.adapters import nursery, nursery_process

nursery.ALWAYS = ()
if sys.argv[1] == "threads":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
ours, theirs = socket.socketpair()
left_open = open("/dev/null")
process = nursery_process.start_nursery(theirs)
theirs.close()
if sys.argv[1] == "killed":
    process.kill()
else:
    ours.sendall(nursery.as_line({"warm": "no learner"}))
    try:
        process.wait(0.3)
    except subprocess.TimeoutExpired:
        print("serves")
    files = 0
    for file in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed since: one that imports still
            files += "/dev/null" in str(file.readlink())
    print(files)
    ours.close()
code = process.wait(20)
process.kill()
print(type(process).__name__, code, process.wait())
"""


def said(what, **environment):
    command = [sys.executable, "-c", PROGRAM, what]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_it_serves_until_its_master_goes_and_holds_none_of_the_files_of_the_process_that_forked_it():
    assert said("served", PYTHONHASHSEED="0") == ["serves", "1", "_Forked", "0", "0"]


def test_it_can_be_killed_and_is_still_waited_for():
    assert said("killed", PYTHONHASHSEED="0") == ["_Forked", "-9", "-9"]


@pytest.mark.parametrize(("what", "seed"), [("served", "1"), ("threads", "0")])
def test_with_other_hashes_or_a_thread_more_it_is_started_by_itself(what, seed):
    assert said(what, PYTHONHASHSEED=seed)[-3:] == ["Popen", "0", "0"]
