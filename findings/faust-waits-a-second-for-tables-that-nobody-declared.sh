#!/usr/bin/env bash
# faust-streaming 0.15.3: an app that declares no table waits one second at its start for tables to be declared, before it may
# read. It is a fixed sleep in the table manager; no setting shortens it, and the log does not name it. A worker that is
# started often, or a test that starts one, pays it each time.
source "$(dirname "$0")/_run.sh"
install faust-streaming==0.15.3 mode-streaming==0.7.1
run <<'PYTHON'
import asyncio
import time

import faust

app = faust.App("no-tables", broker="kafka://127.0.0.1:9092", web_enabled=False)


async def main() -> float:
    tables = app.tables
    assert not list(tables)
    began = time.monotonic()
    starting = asyncio.ensure_future(tables.on_start())
    while not tables._tables_finalized.is_set() and not starting.done():
        await asyncio.sleep(0.01)
    waited = time.monotonic() - began
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return waited


print("tables declared:", len(app.tables))
waited = asyncio.run(main())
print(f"waited for tables: about {round(waited, 1)} s")
settings = [name for name in vars(type(app.conf)) if "table" in name]
print("settings that name tables:", sorted(settings))
assert 0.95 < waited < 1.6
assert not any("wait" in name or "start" in name for name in settings)
PYTHON
