"""The same job as a Quix Streams application; run by the Python of an environment that has it.

    python quix_app.py SERVERS TOPIC ROWS

Records are decoded, an id that was seen is left out by state that has a changelog, and what is new goes to another
topic, exactly once. Prints the rows per CPU-second from the first commit on. It imports nothing of driftloop.
"""

import os
import sys
import tempfile
import time
from typing import Any

_ROWS_A_COMMIT = 5_000


def main(servers: str, topic: str, rows: int) -> None:
    """Take `rows` records of the topic: so many whole commits as they hold, but for the first."""
    from quixstreams import Application

    seen, started, last = 0, 0.0, rows // _ROWS_A_COMMIT * _ROWS_A_COMMIT

    def count(*_: object) -> None:
        nonlocal seen, started
        seen += 1
        if seen == _ROWS_A_COMMIT:
            started = time.process_time()
        elif seen == last:
            speed = (seen - _ROWS_A_COMMIT) / (time.process_time() - started)
            os.write(1, f"\n{speed}\n".encode())
            os._exit(0)

    application = Application(
        broker_address=servers,
        consumer_group="driftloop-bench",
        auto_offset_reset="earliest",
        commit_every=_ROWS_A_COMMIT,
        state_dir=tempfile.mkdtemp(prefix="driftloop-quix-"),
        processing_guarantee="exactly-once",
        on_message_processed=count,
        loglevel="ERROR",
    )
    records = application.dataframe(application.topic(topic, value_deserializer="json"))
    new = records.filter(_is_new, stateful=True)
    new.to_topic(application.topic(f"{topic}-once", value_serializer="json"))
    application.run()


def _is_new(_: object, state: Any) -> bool:
    """Whether the record's key, its prediction id, comes for the first time."""
    if state.exists("seen"):
        return False
    state.set("seen", 1)
    return True


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
