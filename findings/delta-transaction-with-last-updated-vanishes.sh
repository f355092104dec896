#!/usr/bin/env bash
# deltalake 1.6.6: an application transaction (the id that makes a sink idempotent) written *with* last_updated is gone at
# the next read if the table's delta.setTransactionRetentionDuration has passed since then, and the reader says None, as
# for an id that was never written. Without last_updated it stays for ever, whatever the retention.
# Seen: version 7 without last_updated is read as 7; with last_updated of 1970 it is read as None.
source "$(dirname "$0")/_run.sh"
install deltalake==1.6.6 pyarrow==26.0.1
run <<'PYTHON'
import tempfile
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

rows = pa.table({"x": [1]})
seen = {}
for name, transaction in {
    "without last_updated": Transaction("sink", 7),
    "with last_updated": Transaction("sink", 7, 1),
}.items():
    folder = tempfile.mkdtemp()
    write_deltalake(
        folder, rows,
        configuration={"delta.setTransactionRetentionDuration": "interval 1 days"},
        commit_properties=CommitProperties(app_transactions=[transaction]),
    )
    seen[name] = DeltaTable(folder).transaction_version("sink")
    print(f"{name}: {seen[name]}")
assert seen == {"without last_updated": 7, "with last_updated": None}, seen
PYTHON
