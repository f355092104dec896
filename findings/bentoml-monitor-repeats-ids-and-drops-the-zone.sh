#!/usr/bin/env bash
# BentoML 1.4.40's monitoring log has a `request_id` and a `timestamp` in each record. Inside of one request that logs several rows
# the id is the same in every record, so it cannot serve as a prediction's id: rows joined to labels by it are overwritten
# or doubled. The timestamp is the server's local time without a zone: of a server in Tokyo it is nine hours off
# for a reader that takes it for UTC.
source "$(dirname "$0")/_run.sh"
install bentoml==1.4.40
export FOLDER="$folder" TZ=Asia/Tokyo BENTOML_HOME="$folder/home" BENTOML_DO_NOT_TRACK=True
run <<'PYTHON'
import datetime, glob, json, os, time
import bentoml
from bentoml._internal.context import trace_context

folder = os.environ["FOLDER"] + "/monitoring"
trace_context.request_id = 42  # what the server sets at the beginning of a request
for value in (0.1, 0.2):
    with bentoml.monitor("churn", monitor_class="default", monitor_options={"log_path": folder}) as monitor:
        monitor.log(value, name="tenure", role="feature", data_type="numerical")
deadline = time.monotonic() + 20
rows = []
while len(rows) < 2 and time.monotonic() < deadline:
    rows = [json.loads(line) for file in glob.glob(folder + "/**/data.*", recursive=True) for line in open(file)]
print(*rows, sep="\n")
assert len(rows) == 2, rows
assert len({row["request_id"] for row in rows}) == 1
at = datetime.datetime.fromisoformat(rows[0]["timestamp"])
off = at - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
print("zone:", at.tzinfo, "hours from UTC:", round(off.total_seconds() / 3600))
assert at.tzinfo is None and round(off.total_seconds() / 3600) == 9
PYTHON
