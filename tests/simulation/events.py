"""What befalls processes, brokers and clocks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.process import Process
    from tests.simulation.world import World


def inflict(world: "World") -> None:
    """One event, drawn by the plan's weights."""
    names = [name for name, weight in world.plan.weights.items() if weight]
    name = world.random.choices(names, [world.plan.weights[name] for name in names])[0]
    world.note(f"event: {name}")
    _EVENTS[name](world)


def _victim(world: "World") -> "Process | None":
    return world.random.choice(world.processes) if world.processes else None


def _kill(world: "World") -> None:
    if (process := _victim(world)) is not None:
        world.kill(process)


def _stop(world: "World") -> None:
    if (process := _victim(world)) is not None:
        process.stop()


def _freeze(world: "World") -> None:
    """SIGSTOP: it wakes up as a zombie, or just in time."""
    if (process := _victim(world)) is not None:
        process.frozen_until = world.now + world.random.choice((1, 4, 10, 40))


def _take_over(world: "World") -> None:
    """Somebody starts the same slot while its owner hangs."""
    if (process := _victim(world)) is not None:
        process.frozen_until = world.now + world.random.choice((2, 8, 20))
        world.start(process.service, process.replica)


def _scale(world: "World") -> None:
    service = world.random.choice(list(world.wanted))
    world.wanted[service] = count = world.random.randint(1, 3)
    for process in world.processes:
        if process.service == service and process.replica >= count:
            process.stop()


def _broker_away(world: "World") -> None:
    world.down_until = world.now + world.random.choice((0.5, 3, 20, 50))
    world.broker_back()


def _clock_jumps(world: "World") -> None:
    world.skew_s += world.random.choice((-3600, -5, 5, 3600))


def _compact(world: "World") -> None:
    for topic in world.cluster.compacted & set(world.cluster.topics):
        for log in world.cluster.topics[topic]:
            log.compact(world.random.randint(0, log.stable))


def _suspend(world: "World") -> None:
    """The machine of one process stands still for longer than anything waits."""
    if (process := _victim(world)) is not None:
        process.frozen_until = world.now + world.random.choice((60, 700))


_EVENTS = {
    "kill": _kill,
    "stop": _stop,
    "freeze": _freeze,
    "take over": _take_over,
    "scale": _scale,
    "broker away": _broker_away,
    "clock jumps": _clock_jumps,
    "compact": _compact,
    "suspend": _suspend,
}
