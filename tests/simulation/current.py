"""The world that simulated clients belong to: there is one at a time."""

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException

if TYPE_CHECKING:
    from tests.simulation.world import World


class Current:
    """Holds it."""

    world: "World"


CURRENT = Current()


def failure(code: int, reason: str, **kind: bool) -> KafkaException:
    """An exception as the client raises it: `fatal`, `retriable`, `txn_requires_abort`."""
    return KafkaException(KafkaError(code, reason, **kind))


def timed_out(call: str) -> KafkaException:
    """No answer came in time; to call again is right."""
    return failure(KafkaError._TIMED_OUT, f"{call} timed out", retriable=True)


class Done:
    """A future that is done."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def done(self) -> bool:
        """It is."""
        return True

    def result(self, timeout: float | None = None) -> Any:
        """What came out."""
        return self._result
