"""Left-out ends of transactions of which nobody of the group comes again: a person runs `driftloop recover --yes`.

As in `leaderless`, a broker leaves out ends, and all are started again. But there are three replicas, and slots go for
good: who lives ends what its slot left open in partitions that others have, and for the rest the world stands still, or
a service says that state and offsets do not fit together. Then all are stopped, and recover's own code is run.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.cases.counter import INPUTS
from tests.simulation.cases.leaderless import LeaderlessCase
from tests.simulation.cases.parts import kafka

from driftloop.errors import UserError
from driftloop.kafka.admin.recovery import Recoverer
from driftloop.kafka.loop.identity import Trouble

if TYPE_CHECKING:
    from tests.simulation.world import World

_MOST_HELP = 4
"""What is pending, then what does not fit together, and once more of either in another partition."""


class AbandonedCase(LeaderlessCase):
    """`recovered` says how often a person came; nothing is lost, and the state is right in the end."""

    def __init__(self, seed: int, inputs: int, spread: int) -> None:
        super().__init__(seed, inputs, spread)
        self.recovered: list[str] = []
        self._of_the_living: list[str] = []

    def helped(self, world: "World") -> bool:
        """Stop all, `driftloop recover counter --yes`, start again: what that says is all that is done."""
        if not self._left_out or len(self.recovered) >= _MOST_HELP:
            return False
        self._of_the_living += [] if world.mismatches else _left_by_the_living(world)
        self._most = self._left_out
        while self.feed(world):
            pass
        world.pause(lambda: self._recover(world))
        return True

    def _recover(self, world: "World") -> None:
        while world.cluster.group("counter").members:
            world.sleep(1.0)  # who was killed is a member until its session ends
        plan = world.plan
        recoverer = Recoverer(kafka(0, plan.classic, plan.batch, 0, plan.poll_ms), "counter", INPUTS, self.state)
        try:
            said = _recovered(recoverer)
        except UserError as error:
            world.failures.append(f"recover says: {error.sentence}"[:300])
            return
        world.note(f"recovered: {said}")
        self.recovered.append("; ".join(said))

    def check_stopped(self, world: "World", said: str) -> Iterator[str]:
        """Recover ends that."""
        yield f"recovered {self.recovered}, and stopped: {said}"[:300]

    def check(self, world: "World") -> Iterator[str]:
        """What a person had to mend is done again, and may be said again; nothing else may."""
        yield from self._of_the_living
        for fault in super().check(world):
            again = fault.startswith(("inputs doubled", "dead letters doubled", "counts are wrong", "out of order"))
            if not (again and self.recovered):
                yield fault


def _recovered(recoverer: Recoverer) -> list[str]:
    """As `driftloop recover GROUP --yes` does it; what was the matter.

    Where that says that what was counted in a partition is lost, a person has all counted again instead: `--from
    earliest --forget-state`.
    """
    found = recoverer.look()
    said = [f"{topic}/{number} was pending" for topic, number in found.pending]
    if found.pending:
        recoverer.apply(found)
        found = recoverer.look()
    if any(step.trouble.startswith(Trouble.STATE_GONE) for step in found.steps):
        recoverer.apply(recoverer.look("earliest", forget=True))
    else:
        recoverer.apply(found)
    return said + [step.trouble for step in found.steps]


def _left_by_the_living(world: "World") -> Iterator[str]:
    """What is open of slots that have a process: they had minutes to end it."""
    living = {world.cluster.slots[f"counter-{number}"].owner: number for number in range(world.wanted["counter"])}
    for number, log in enumerate(world.cluster.topics["counter-changelog"]):
        yield from (f"slot {living[owner]} left state {number} open" for owner in log.open if owner in living)
    for owner in world.cluster.group("counter").pending:
        if owner in living:
            yield f"slot {living[owner]} left offsets pending"
