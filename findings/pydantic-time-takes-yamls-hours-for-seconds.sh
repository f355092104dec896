#!/usr/bin/env bash
# `until: 22:00` in YAML, read by PyYAML into a model of pydantic whose field is a `time`, is 22 minutes past midnight.
# PyYAML reads two numbers with a colon as one number to the base of 60 (1320; YAML 1.1), and pydantic takes a number
# for seconds since midnight. Nothing complains. `08:00` begins with 0, is a text, and is read right: whoever tries it
# with a morning sees no fault. `10:00:00` is 36000, and right again.
source "$(dirname "$0")/_run.sh"
install pydantic==2.14.3 pydantic-core==2.50.4 PyYAML==6.0.3
run <<'PY'
import sys
from datetime import time

import pydantic
import yaml


class Quiet(pydantic.BaseModel):
    until: time


print(f"pydantic {pydantic.VERSION}, PyYAML {yaml.__version__}")
seen = {}
for text in ("22:00", "8:30", "24:00", "08:00", "10:00:00", '"22:00"'):
    loaded = yaml.safe_load(f"until: {text}")
    seen[text] = Quiet.model_validate(loaded).until
    print(f"until: {text:9} is {loaded['until']!r:10} and then {seen[text]}")
wanted = {
    "22:00": time(0, 22), "8:30": time(0, 8, 30), "24:00": time(0, 24), "08:00": time(8), "10:00:00": time(10),
    '"22:00"': time(22),
}  # fmt: skip
sys.exit({text: at.replace(tzinfo=None) for text, at in seen.items()} != wanted)
PY
