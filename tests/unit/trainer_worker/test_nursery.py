"""What the nursery has ready for its children."""

import subprocess
import sys

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
