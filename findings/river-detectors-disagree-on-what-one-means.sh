#!/usr/bin/env bash
# river 0.26.1: its binary drift detectors share one base class and disagree on their input. DDM, EDDM, HDDMA and HDDMW
# take 1 for an error; FHDDM takes 1 for a *correct* prediction. Fed errors, FHDDM alarms when the model improves
# and is silent when it gets worse.
# Seen: error rate 5 % -> 95 %: FHDDM silent, HDDMA alarms; 95 % -> 5 %: FHDDM alarms.
source "$(dirname "$0")/_run.sh"
install river==0.26.1
run <<'PYTHON'
import random
from river.drift.binary import FHDDM, HDDMA

def alarms(detector, before, after, seed=1):
    rng = random.Random(seed)
    count = 0
    for row in range(4000):
        detector.update(rng.random() < (before if row < 2000 else after))
        count += detector.drift_detected and row >= 2000
    return count

seen = {
    (name, word): alarms(kind(), *rates)
    for name, kind in (("FHDDM", FHDDM), ("HDDMA", HDDMA))
    for word, rates in (("errors rise", (0.05, 0.95)), ("errors fall", (0.95, 0.05)))
}
for what, count in seen.items():
    print(*what, "->", "alarm" if count else "silent")
assert seen["FHDDM", "errors rise"] == 0 and seen["FHDDM", "errors fall"] > 0
assert seen["HDDMA", "errors rise"] > 0
PYTHON
