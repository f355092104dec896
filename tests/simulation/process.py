"""A service's process: its own `Loop.run` as a coroutine that is left and entered at each call into Kafka."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from greenlet import greenlet

from driftloop.errors import ExitCode, UserError
from driftloop.in_memory.log import KilledError
from driftloop.kafka.loop.loop import Loop
from driftloop.kafka.loop.transport import FencedError

if TYPE_CHECKING:
    from tests.simulation.clients.consumer import SimulatedConsumer
    from tests.simulation.world import World

MISMATCH = int(ExitCode.STATE_MISMATCH)


class Process:
    """`exit` is None while it runs; "" after it was stopped, else why it ended."""

    def __init__(self, world: "World", service: str, replica: int, make: Callable[["World", int], Loop]) -> None:
        self.service, self.replica = service, replica
        self._world, self._make = world, make
        self.members: list[SimulatedConsumer] = []
        self.wake_at = self.frozen_until = 0.0
        self.listens = False
        """Whether it sleeps in a poll: what comes meanwhile wakes it."""
        self.dead = self.stopped = False
        self.exit: str | None = None
        self.loop: Loop | None = None
        self.coroutine = greenlet(self._run, world.main)

    @property
    def name(self) -> str:
        """For the trace."""
        return f"{self.service}-{self.replica}"

    @property
    def ready(self) -> bool:
        """Whether it is at work and has all it needs."""
        return self.exit is None and self.loop is not None and self.loop.ready

    def _run(self) -> None:
        self.exit = self._live()

    def _live(self) -> str:
        try:
            self.loop = self._make(self._world, self.replica)
            if self.stopped:
                self.loop.stop()
            self.loop.run()
        except KilledError:
            return "killed"
        except UserError as error:
            if int(error.exit_code) == MISMATCH:
                self._world.mismatch(f"{self.name}: {error.sentence}")
            return f"exit {int(error.exit_code)}: {error.sentence}"
        except FencedError as error:
            return f"fenced: {error}"
        except KafkaException as error:
            if error.args[0].code() == KafkaError._DESTROY:  # a client that closes was asked something
                self._world.crashed(self, error)
            return f"error: {error}"
        except Exception as error:  # noqa: BLE001  (whatever a loop raises is what the run is to tell)
            self._world.crashed(self, error)
            return f"crash: {error!r}"
        return ""

    def kill(self) -> None:
        """SIGKILL, at the call where it stands."""
        self.dead = True
        if self.coroutine:  # it was started, and has not ended
            self._world.enter(self, lambda: self.coroutine.throw(KilledError))
        self.exit = "killed"

    def stop(self) -> None:
        """SIGTERM."""
        self.stopped = True
        if self.loop is not None:
            self.loop.stop()


Make = Callable[["World", int], Any]
