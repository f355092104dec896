"""What a table's reader says when rows are gone that it had not read."""

import pytest
from confluent_kafka import KafkaError

from driftloop.errors import AwayError
from driftloop.kafka.clients.log_reader import GONE, LogReader, OffsetsGoneError
from driftloop.kafka.loop.table import Tables
from driftloop.kafka.settings import KafkaSettings


class _Emptied:
    """The reader of a table that was deleted and made anew behind its back."""

    def poll(self, _timeout_s: float) -> list[object]:
        raise OffsetsGoneError(KafkaError(KafkaError._AUTO_OFFSET_RESET))

    def ends(self) -> dict[tuple[str, int], int]:
        return {}

    def read_to(self, _ends: object) -> list[object]:
        return self.poll(0.0)


@pytest.mark.parametrize("ask", [Tables.poll, Tables.catch_up])
def test_rows_that_are_gone_are_said_in_a_sentence_that_names_the_way_on(ask):
    tables = Tables(KafkaSettings(), ("model-specs",))
    tables._reader = _Emptied()
    with pytest.raises(AwayError, match=r"a table \(model-specs\) was deleted and made anew.*`driftloop models apply`"):
        ask(tables)


class _Message:
    """What the client hands over in place of a record."""

    def __init__(self, code: int) -> None:
        self._code = code

    def error(self) -> KafkaError:
        return KafkaError(self._code)


@pytest.mark.parametrize("code", sorted(GONE))
def test_a_reader_hears_of_records_that_are_gone_or_lost_whatever_the_client_calls_it(code):
    reader = LogReader(KafkaSettings())
    with pytest.raises(OffsetsGoneError):
        reader._sorted_out([_Message(code)])
    reader.close()
