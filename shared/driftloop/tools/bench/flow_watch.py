"""An independent reader of frames and statuses that knows how old each row was when it saw it."""

from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftloop.clock import system_now
from driftloop.codec.frames import decode_header
from driftloop.contracts.topics import DRIFT_STATUS, OUTCOME_FRAMES
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record
from driftloop.tools.bench.latencies import Latencies

Times = NDArray[np.int64]
_MICRO = 1e6


class _Position(msgspec.Struct):
    partition: int
    offset: int


class _Status(msgspec.Struct):
    position: _Position
    segment: str = ""


_status = msgspec.json.Decoder(_Status).decode


class FlowWatch:
    """Reads committed frames and statuses from the beginning; use as a context manager.

    `framed_rows` and `judged_rows` count all of them. Rows published from `since` on (by their
    `predicted_at`) are timed: to the frame in `to_frame`, to the whole model's status in `to_status`.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._reader = LogReader(kafka, [OUTCOME_FRAMES, DRIFT_STATUS])
        self._pending: dict[tuple[int, int], Times] = {}
        self._judged: dict[tuple[int, int], float] = {}
        self.framed_rows = self.judged_rows = 0
        self.measure_from(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()

    def measure_from(self, since: datetime | None) -> None:
        """Begin anew with rows published from that moment on; None times nothing."""
        self._since_us = None if since is None else int(since.timestamp() * _MICRO)
        self.to_frame, self.to_status = Latencies(), Latencies()

    def look(self, timeout_s: float) -> None:
        """Take in what is new; waits at most so long for the first."""
        found = self._reader.poll(timeout_s)
        now = system_now().timestamp() * _MICRO
        for record in found:
            if record.topic() == OUTCOME_FRAMES:
                self._take_frame(record, now)
            else:
                self._take_status(record, now)

    def _take_frame(self, record: Record, now: float) -> None:
        self.framed_rows += decode_header(record.headers()).rows
        times = _times(record)
        self.to_frame.add(self._ages(times, now))
        place = record.partition(), record.offset()
        judged_at = self._judged.pop(place, None)
        if judged_at is None:
            self._pending[place] = times
        else:
            self._judge(times, judged_at)

    def _take_status(self, record: Record, now: float) -> None:
        status = _status(record.value() or b"")
        if status.segment:
            return
        place = status.position.partition, status.position.offset
        times = self._pending.pop(place, None)
        if times is None:  # topics are not read in step: the frame is still to come
            self._judged[place] = now
        else:
            self._judge(times, now)

    def _judge(self, times: Times, now: float) -> None:
        self.judged_rows += len(times)
        self.to_status.add(self._ages(times, now))

    def _ages(self, times: Times, now: float) -> NDArray[np.float64]:
        if self._since_us is None:
            return np.empty(0)
        return np.asarray((now - times[times >= self._since_us]) / _MICRO, dtype=np.float64)


def _times(record: Record) -> Times:
    with pa.ipc.open_stream(record.value()) as reader:
        column = reader.read_all().column("predicted_at").combine_chunks()
    return column.cast(pa.int64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
