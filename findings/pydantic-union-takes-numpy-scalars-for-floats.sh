#!/usr/bin/env bash
# pydantic 2.14 and numpy 2.4: a field of type float | int | bool | str takes numpy scalars for floats without a word:
# np.bool_(True) becomes 1.0, and np.int64 above 2**53 is rounded. The same values as Python's own bool and int stay what
# they are. A class label `true` sent by numpy is "1.0" afterwards.
source "$(dirname "$0")/_run.sh"
install pydantic==2.14.3 numpy==2.4.6
run <<'PYTHON'
import numpy as np
from pydantic import BaseModel

class Outcome(BaseModel):
    prediction: float | int | bool | str

big = 2**53 + 1
seen = {
    "bool": Outcome(prediction=True).prediction,
    "np.bool_": Outcome(prediction=np.bool_(True)).prediction,
    "int": Outcome(prediction=big).prediction,
    "np.int64": Outcome(prediction=np.int64(big)).prediction,
}
for name, value in seen.items():
    print(f"{name}: {value!r}")
assert seen["bool"] is True and seen["np.bool_"] == 1.0 and isinstance(seen["np.bool_"], float)
assert seen["int"] == big and seen["np.int64"] == float(2**53)
PYTHON
