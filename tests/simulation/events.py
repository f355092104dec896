"""What befalls processes, brokers and clocks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World


AMBUSHED = {
    "begin_transaction": 3,
    "send_offsets": 4,
    "commit_transaction": 3,
    "answered": 3,
    "offsets_for_times": 2,
    "list_topics": 1,
    "committed": 1,
    "consume": 1,
    "produce": 1,
    "seek": 1,
    "resume": 1,
}
"""Calls in which an event may wait for somebody, and how often it does."""


def inflict(world: "World") -> None:
    """One event, drawn by the plan's weights: at once, or when somebody is next inside a certain call."""
    names = [name for name, weight in world.plan.weights.items() if weight]
    if not names:  # a plan that was made smaller may have none that fits now
        return
    name = world.random.choices(names, [world.plan.weights[name] for name in names])[0]
    if world.random.random() < world.plan.ambush:
        call = world.random.choices(list(AMBUSHED), list(AMBUSHED.values()))[0]
        world.ambush = name, call, world.random.choice((1, 1, 2, 4))
        return
    world.note(f"event: {name}")
    if name in _OF_A_PROCESS:
        if world.processes:
            _OF_A_PROCESS[name](world, world.random.choice(world.processes))
    else:
        _OF_ALL[name](world)


def spring(world: "World", name: str, process: "Process") -> None:
    """The event that lay in wait; the process is inside of a call."""
    world.note(f"event, in a call: {name}")
    if name in _OF_A_PROCESS:
        _OF_A_PROCESS[name](world, process)
    else:
        _OF_ALL[name](world)


def _kill(world: "World", process: "Process") -> None:
    world.kill(process)


def _stop(world: "World", process: "Process") -> None:
    process.stop()


def _freeze(world: "World", process: "Process") -> None:
    """SIGSTOP: it wakes up as a zombie, or just in time; perhaps with a SIGTERM that waits for it."""
    process.frozen_until = world.now + world.random.choice((1, 4, 10, 15, 20, 40))
    if world.random.random() < 0.3:
        process.stop()


def _take_over(world: "World", process: "Process") -> None:
    """Somebody starts the same slot while its owner hangs."""
    process.frozen_until = world.now + world.random.choice((2, 8, 20))
    world.start(process.service, process.replica)


def _suspend(world: "World", process: "Process") -> None:
    """The machine of one process stands still for longer than anything waits."""
    process.frozen_until = world.now + world.random.choice((60, 700))


def _scale(world: "World") -> None:
    service = world.random.choice(list(world.wanted))
    world.wanted[service] = count = world.random.randint(1, 3)
    for process in world.processes:
        if process.service == service and process.replica >= count:
            process.stop()


def _broker_away(world: "World") -> None:
    world.down_until = world.now + world.random.choice((0.5, 3, 20, 50))
    world.broker_back()


def _coordinator_moves(world: "World") -> None:
    """A group's, or the transactions': the others go on to be answered."""
    world.coordinators[world.random.choice(("group", "transactions"))] = world.now + world.random.choice((0.3, 2, 15))


def _clock_jumps(world: "World") -> None:
    world.skew_s += world.random.choice((-3600, -5, 5, 3600))


def _compact(world: "World") -> None:
    for topic in sorted(world.cluster.compacted):
        for log in world.cluster.topics[topic]:
            log.compact(world.random.randint(0, log.stable))


_OF_A_PROCESS = {"kill": _kill, "stop": _stop, "freeze": _freeze, "take over": _take_over, "suspend": _suspend}
_OF_ALL = {
    "scale": _scale,
    "broker away": _broker_away,
    "clock jumps": _clock_jumps,
    "compact": _compact,
    "coordinator moves": _coordinator_moves,
}
