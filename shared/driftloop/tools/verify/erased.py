"""Rows that an order has erased from the archive, as the log tells it.

Why `driftloop verify` says so: it compares messages on the log, which an erasure leaves as they are, and makes no
version again. One that learnt from erased rows cannot be made again bit for bit, and that is no sign of tampering.
"""

from collections.abc import Iterable, Sequence

from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.reading import readable
from driftloop.contracts.topics import ARCHIVE_ERASURES
from driftloop.kafka.clients.log_reader import LogReader
from driftloop.kafka.settings import KafkaSettings
from driftloop.processor import Record


def read_erasures(kafka: KafkaSettings) -> tuple[RowsErased, ...]:
    """The erasures of all models; raises UserError where the broker or the topic is not there."""
    reader = LogReader(kafka, [ARCHIVE_ERASURES])
    try:
        return newest_told(reader.read_to(reader.ends()))
    finally:
        reader.close()


def newest_told(records: Iterable[Record]) -> tuple[RowsErased, ...]:
    """Of each erasure the newest message, by model and time; what cannot be read is no message."""
    found: dict[tuple[str, str], RowsErased] = {}
    for record in records:
        told = readable(RowsErased, record.value() or b"")
        if told is not None:
            found[told.model_id, told.erasure] = told
    return tuple(sorted(found.values(), key=lambda one: (one.model_id, one.occurred_at, one.erasure)))


def erasure_words(told: RowsErased) -> str:
    """An erasure for a person."""
    rows = "1 row was" if told.rows == 1 else f"{told.rows:,} rows were"
    when = f"on {told.occurred_at:%Y-%m-%d}" if told.began_at is not None else "in an erasure that nobody saw end"
    said = f"{told.model_id}: {rows} erased from the archive {when} by an order that the log tells of"
    return f"{said}; {_learnt(told.versions)}"


def _learnt(versions: Sequence[str]) -> str:
    if not versions:
        return "no version learnt from them"
    return f"{', '.join(versions)} learnt from them and cannot be made again bit for bit: that is no tampering"
