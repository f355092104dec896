"""A Faust agent that does no more than decode; run by the Python of an environment that has Faust.

    python faust_agent.py SERVERS TOPIC ROWS

prints the rows per CPU-second from the first thousand on. It imports nothing of driftloop.
"""

import os
import sys
import tempfile
import time
from typing import Any

_FIRST = 1_000


def main(servers: str, topic: str, rows: int) -> None:
    """Take each decoded record and do nothing with it."""
    import faust

    app = faust.App(
        "driftloop-bench",
        broker=f"kafka://{servers}",
        store="memory://",
        datadir=tempfile.mkdtemp(prefix="driftloop-faust-"),
        topic_partitions=1,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )

    async def count(stream: Any) -> None:
        seen, started = 0, 0.0
        async for _ in stream:
            seen += 1
            if seen == _FIRST:
                started = time.process_time()
            if seen == rows:
                speed = (seen - _FIRST) / (time.process_time() - started)
                os.write(1, f"\n{speed}\n".encode())  # Faust keeps what is printed for its log
                os._exit(0)

    app.agent(app.topic(topic, value_serializer="json", key_serializer="raw"))(count)
    sys.argv[1:] = ["worker", "--without-web", "-l", "error"]
    app.main()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
