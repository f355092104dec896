"""The app that follows the log, without a broker."""

import asyncio
import time

from driftloop.kafka.settings import KafkaSettings
from operations_console.adapters.tail import tail_app


def test_the_start_does_not_wait_for_tables_that_there_are_none_of(tmp_path):
    app = tail_app(KafkaSettings(), "console", tmp_path, lambda _record: None)
    assert not app.tables

    async def wait() -> float:
        began = time.monotonic()
        await app.tables.sleep(60.0)
        return time.monotonic() - began

    assert asyncio.run(wait()) < 30
