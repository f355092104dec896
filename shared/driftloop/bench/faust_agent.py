"""A Faust agent that does no more than decode; run by the Python of an environment that has Faust.

    python faust_agent.py SERVERS TOPIC ROWS

prints the rows per CPU-second from the first thousand on. It imports nothing of driftloop.
"""

import os
import sys
import tempfile
import time

import faust  # type: ignore[import-not-found]

_servers, _topic, _rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
_FIRST = 1_000

app = faust.App(
    "driftloop-bench",
    broker=f"kafka://{_servers}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="driftloop-faust-"),
    topic_partitions=1,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
outcomes = app.topic(_topic, value_serializer="json", key_serializer="raw")


@app.agent(outcomes)  # type: ignore[untyped-decorator]
async def count(stream: faust.Stream) -> None:
    """Take each decoded record and do nothing with it."""
    seen, started = 0, 0.0
    async for _ in stream:
        seen += 1
        if seen == _FIRST:
            started = time.process_time()
        if seen == _rows:
            print((seen - _FIRST) / (time.process_time() - started), flush=True)  # noqa: T201
            os._exit(0)


if __name__ == "__main__":
    sys.argv[1:] = ["worker", "--without-web", "-l", "error"]
    app.main()
