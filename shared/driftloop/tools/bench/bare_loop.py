"""The loop to compare with: `consume()` and `json.loads`, nothing else; a process of its own.

    python -m driftloop.tools.bench.bare_loop SERVERS TOPIC ROWS

prints the rows per CPU-second from the first batch on.
"""

import json
import sys
import time

from driftloop.kafka.clients.log_reader import bare_reader
from driftloop.kafka.settings import KafkaSettings


def main(servers: str, topic: str, rows: int) -> None:
    """Read `rows` records of partition 0."""
    reader = bare_reader(KafkaSettings(bootstrap_servers=servers), (topic, 0))
    seen = skipped = 0
    started = 0.0
    while seen < rows:
        messages = [message for message in reader.consume(5_000, 0.2) if message.error() is None]
        for message in messages:
            json.loads(message.value() or b"null")
        seen += len(messages)
        if not started and messages:
            started, skipped = time.process_time(), seen
    print((seen - skipped) / (time.process_time() - started))  # noqa: T201
    reader.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
