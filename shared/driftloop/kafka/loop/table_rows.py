"""Hands rows of a table to a core. Whatever a row does to the core, the service lives."""

from collections.abc import Sequence

from driftloop.errors import AwayError
from driftloop.processor import KeptOut, Processor, Record


def take_rows(processor: Processor, topic: str, records: Sequence[Record]) -> list[KeptOut]:
    """Hand rows over; gives those that were not taken as they stand.

    Rows that raise together are handed over once more one by one, so that only the culprit is kept out:
    a table's rows replace one another, and taking one twice changes nothing. An `AwayError` is no row's fault.
    """
    try:
        return list(processor.take_table(topic, records) or ())
    except AwayError:
        raise
    except Exception as error:  # noqa: BLE001  (a table is read outside every batch: nothing else isolates its rows)
        if len(records) > 1:
            return [told for record in records for told in take_rows(processor, topic, [record])]
        return [KeptOut(records[0], "raised", f"{type(error).__name__}: {error}")] if records else []
