#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` gives tests of one xdist_group to different processes, without a
# warning, and every fixture that they were to share is made in each. The group is written into a field of the test that
# pytest reads no more since its node ids are objects (pytest-xdist issue 1386, open on 30 November 2026). With pytest
# 9.1.1 one process runs them all. A scheduler of one's own (`pytest_xdist_make_scheduler`) holds with both.
source "$(dirname "$0")/_run.sh"
tested_with() { # tested_with PYTEST: how many processes ran the tests of one group
  install "pytest==$1" pytest-xdist==3.8.0
  mkdir -p "$folder/tests" && rm -f "$folder/tests/"*.ran
  cat >"$folder/tests/test_group.py" <<'PYTHON'
import os, pathlib, pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(20))
def test_it(number):
    pathlib.Path(__file__).with_name(os.environ["PYTEST_XDIST_WORKER"] + ".ran").touch()
PYTHON
  (cd "$folder/tests" && "$folder/env/bin/python" -m pytest -q -n 2 --dist loadgroup >"$folder/said")
  ran=$(find "$folder/tests" -name '*.ran' | wc -l)
  echo "pytest $1: the tests of one group ran in $ran of 2 processes"
}
tested_with 9.1.1
[ "$ran" = 1 ]
tested_with 9.2.0
[ "$ran" = 2 ]
