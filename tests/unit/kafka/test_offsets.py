"""Whom the runtime asks for offsets, and when it lets go of a client that gives no answer."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftloop.kafka.clients.offsets import _Asker
from driftloop.kafka.settings import KafkaSettings

PASSING = {
    "leader not available": KafkaError.LEADER_NOT_AVAILABLE,
    "not the leader": KafkaError.NOT_LEADER_FOR_PARTITION,
    "unknown partition": KafkaError._UNKNOWN_PARTITION,
    "unknown topic": KafkaError.UNKNOWN_TOPIC_OR_PART,
}


@dataclass
class _Answer:
    topic: str = "t.outcome-frames"
    partition: int = 1
    offset: int = 7
    error: KafkaError | None = None


class _Client:
    def __init__(self) -> None:
        self.asked, self.closed = 0, False

    def close(self) -> None:
        self.closed = True


class _World:
    """Clients in the order in which they are opened. Each look at the clock finds it a second later."""

    def __init__(self, answer: Callable[[int, int], _Answer]) -> None:
        self._answer, seconds = answer, count()
        self.clients: list[_Client] = []
        self.asker = _Asker(KafkaSettings(topic_prefix="t."), "g", self._open, lambda: float(next(seconds)))

    def _open(self, _kafka: KafkaSettings, _group: str) -> _Client:
        self.clients.append(_Client())
        return self.clients[-1]

    def ask(self) -> dict[tuple[str, int], int]:
        def question(client: _Client) -> list[_Answer]:
            client.asked += 1
            return [self._answer(self.clients.index(client), client.asked)]

        return self.asker.ask(question)


def raised(code: int) -> _Answer:
    raise KafkaException(KafkaError(code))


def in_the_answer(code: int) -> _Answer:
    return _Answer(error=KafkaError(code))


@pytest.mark.parametrize("said", [raised, in_the_answer])
@pytest.mark.parametrize("code", PASSING.values(), ids=PASSING)
def test_a_client_that_only_errs_for_seconds_is_let_go_and_the_next_one_asked(code, said):
    world = _World(lambda client, _: said(code) if client == 0 else _Answer())
    assert world.ask() == {("outcome-frames", 1): 7}
    assert [client.closed for client in world.clients] == [True, False]
    assert world.clients[0].asked == 5, "three seconds and more"


def test_a_short_election_costs_no_client():
    world = _World(lambda _, asked: raised(KafkaError.LEADER_NOT_AVAILABLE) if asked % 4 else _Answer())
    for _ in range(5):
        assert world.ask() == {("outcome-frames", 1): 7}
    assert len(world.clients) == 1, "each answer ends the count"


def test_a_client_that_timed_out_is_let_go_at_once():
    world = _World(lambda client, _: raised(KafkaError._TIMED_OUT) if client == 0 else _Answer())
    assert world.ask() == {("outcome-frames", 1): 7}
    assert [client.asked for client in world.clients] == [1, 1]


def test_an_error_that_does_not_pass_is_raised_at_once():
    world = _World(lambda _, __: raised(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(KafkaException):
        world.ask()
    assert world.clients[0].asked == 1
