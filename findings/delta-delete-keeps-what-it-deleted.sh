#!/usr/bin/env bash
# deltalake 1.6.6: rows that are deleted by their key, and vacuumed with nothing kept back, are out of every data file, and
# still the key can be read. The delete's own commit holds its predicate as text, key and all, and the commit
# that wrote the rows holds the least and the greatest value of each column of each file. Whoever deletes a person's rows by
# the person's id has written the id down once more. A checkpoint and a clean-up of the log take the older commits away,
# once their time is over (30 days by default).
source "$(dirname "$0")/_run.sh"
install deltalake==1.6.6 pyarrow==26.0.1
export FOLDER="$folder/table"
run <<'PYTHON'
import glob, json, os
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

folder = os.environ["FOLDER"]
ids = ["person-0417", "person-0418"]
write_deltalake(folder, pa.table({"id": ids, "amount": [1.5, 2.5]}))
write_deltalake(folder, pa.table({"id": ["other-1"], "amount": [3.5]}), mode="append")
table = DeltaTable(folder)
table.delete("id IN ('person-0417', 'person-0418')")
table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
in_files = [file for file in glob.glob(folder + "/**/*.parquet", recursive=True) if b"person-0417" in open(file, "rb").read()]
print("rows left:", DeltaTable(folder).to_pyarrow_table().column("id").to_pylist())
print("data files with the id:", len(in_files))
found = {}
for file in sorted(glob.glob(folder + "/_delta_log/*.json")):
    for action in map(json.loads, open(file)):
        for kind, body in action.items():
            if "person-0417" in json.dumps(body):
                found.setdefault(kind, []).append(body)
print("the delete's commit:", found["commitInfo"][0]["operationParameters"])
print("the first commit:", found["add"][0]["stats"])
assert in_files == [] and set(found) == {"commitInfo", "add"}, found
assert "person-0417" in json.dumps(found["commitInfo"][0]["operationParameters"]["predicate"])
assert json.loads(found["add"][0]["stats"])["minValues"]["id"] == "person-0417"
PYTHON
