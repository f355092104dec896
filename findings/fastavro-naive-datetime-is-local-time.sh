#!/usr/bin/env bash
# fastavro 1.13.1: a datetime without a zone in a timestamp-millis field is taken for the *process's local time*, not for
# UTC. The same program writes other bytes in another TZ; local-timestamp-millis is the type that keeps a naive time.
# Seen: 2026-01-05T08:00 written with TZ=America/New_York reads back as 13:00 UTC, with TZ=UTC as 08:00 UTC.
source "$(dirname "$0")/_run.sh"
install fastavro==1.13.1
program='
import datetime, io, fastavro
schema = fastavro.parse_schema({"type": "record", "name": "r", "fields": [
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]})
out = io.BytesIO()
fastavro.schemaless_writer(out, schema, {"at": datetime.datetime(2026, 1, 5, 8)})
out.seek(0)
print(fastavro.schemaless_reader(out, schema)["at"].isoformat())
'
there=$(TZ=America/New_York run <<<"$program")
here=$(TZ=UTC run <<<"$program")
echo "TZ=America/New_York: $there"
echo "TZ=UTC:              $here"
[ "$there" = "2026-01-05T13:00:00+00:00" ] && [ "$here" = "2026-01-05T08:00:00+00:00" ]
