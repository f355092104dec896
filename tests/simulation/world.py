"""The simulated world: one thread, no wall clock. A seeded scheduler draws who goes on and what goes wrong."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from confluent_kafka import KafkaError
from greenlet import getcurrent
from tests.simulation.broker.coordinators import Cluster
from tests.simulation.broker.partition_log import Stirred
from tests.simulation.current import CURRENT, failure, timed_out
from tests.simulation.events import inflict, spring
from tests.simulation.plan import Plan
from tests.simulation.process import Process

from driftloop.in_memory.log import KilledError
from driftloop.testing.clock import START

if TYPE_CHECKING:
    from tests.simulation.clients.consumer import SimulatedConsumer
    from tests.simulation.process import Make

_SESSION_S, _REBALANCE_S, _RESTART_S = 6.0, 20.0, 1.0
_START_S = START.timestamp()
_TURN_S = 0.004
_LOOK_S = 0.2
_IDLE_FEED = 0.15
"""The chance of input where all sleep, at least: a world at rest finds nothing."""
_HEARD_S = 0.06
"""After at most so long a waiting poll has what was written."""
_REST_S = 300.0
"""Of the world's time, after the last fault, until all must have come to rest."""


_ASKED = {
    "committed": "group",
    "send_offsets": "group",
    **dict.fromkeys(("init_transactions", "commit_transaction", "abort_transaction"), "transactions"),
}
"""Which coordinator a call waits for."""


class Case(Protocol):
    """What runs in a world, what it is fed, and how the end is judged."""

    def services(self) -> Iterable[tuple[str, "Make"]]: ...
    def prepare(self, world: "World") -> None: ...
    def feed(self, world: "World") -> bool:
        """Add some input; False once there is no more."""
        ...

    def groups(self) -> Iterable[tuple[str, tuple[str, ...]]]: ...
    def check(self, world: "World") -> Iterable[str]: ...
    def check_stopped(self, world: "World", said: str) -> Iterable[str]:
        """What is wrong where a service stopped and said so."""
        ...

    def helped(self, world: "World") -> bool:
        """What a person does where a service stopped and said so, or nothing comes to rest; False if nobody comes."""
        ...


class World:
    """See the module. `failures` says what went wrong; empty after a clean run."""

    def __init__(self, plan: Plan, case: Case, *, trace: bool = False) -> None:
        CURRENT.world = self
        self.plan, self.case = plan, case
        self.random = Random(f"world {plan.seed}")
        self.chance = self.random.random
        self._chances, self._switch = plan.chances, plan.switch
        self.cluster = Cluster(Random(f"broker {plan.seed}"), plan.partitions)
        self.main = getcurrent()
        self.now, self.skew_s = 0.0, 0.0
        self.steps = self.versions = self.chunk = 0
        self.chunk = plan.chunk
        self.trace: list[str] | None = [] if trace else None
        self.failures: list[str] = []
        self.mismatches: list[str] = []
        self.processes: list[Process] = []
        self.current: Process | None = None
        self.active, self.cruel = True, True
        self.down_until = 0.0
        self.coordinators: dict[str, float] = {}
        """Until when a coordinator that moves does not answer."""
        self.ambush: tuple[str, str, int] | None = None
        self.wanted: dict[str, int] = {}
        self._makes: dict[str, Make] = {}
        self._restarts: dict[tuple[str, int], float] = {}
        self._outside: list[SimulatedConsumer] = []
        self._members = 0
        self._look_at = self._rest_asked_at = 0.0

    # -- what clients ask ---------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether the broker answers."""
        return self.now >= self.down_until

    @property
    def wall_ms(self) -> int:
        """The time that is written on records."""
        return int((_START_S + self.now) * 1000)

    def clock(self) -> datetime:
        """The services' clock, which may jump."""
        return START + timedelta(seconds=self.now + self.skew_s)

    def draw(self, fault: str) -> bool:
        """Whether a call suffers this fault now."""
        chance = self._chances.get(fault)
        return bool(chance and self.active and self.current is not None and self.chance() < chance)

    def point(self, call: str) -> None:
        """A call into the client: a place where others may go on, or this process may end."""
        process = self.current
        if process is None:
            return
        if process.dead:
            raise KilledError
        self.steps += 1
        if self.trace is not None:
            self.trace.append(f"{self.now:9.3f} {process.name} {call}")
        if self.ambush is not None and self.ambush[1] == call:
            self._spring(process)
        elif self.chance() < self._switch:
            self.main.switch()
            if process.dead:
                raise KilledError

    def _spring(self, process: Process) -> None:
        assert self.ambush is not None
        name, call, times = self.ambush
        self.ambush = None if times == 1 else (name, call, times - 1)
        if times == 1:
            spring(self, name, process)
            self._yield(process)

    def sleep(self, seconds: float) -> None:
        """Let the others go on for that long."""
        process = self.current
        if process is None:
            self._pass(seconds)
            return
        if process.dead:
            raise KilledError
        process.wake_at = self.now + seconds
        self.main.switch()
        if process.dead:
            raise KilledError

    def listen(self, seconds: float) -> None:
        """Sleep, until something is written to any log: the client sees it a moment later."""
        if (process := self.current) is None:
            self._pass(seconds)
            return
        process.listens = True
        try:
            self.sleep(seconds)
        finally:
            process.listens = False

    def _wake_listeners(self) -> None:
        Stirred.yes = False
        for process in self.processes:
            if process.listens:
                process.wake_at = min(process.wake_at, self.now + self.chance() * _HEARD_S)

    def _pass(self, seconds: float) -> None:
        """Time passes for a client that is no process's."""
        self.now += seconds
        if self.cluster.owed:
            self.cluster.write_marker(self.now + _START_S)
        self._keep_groups()
        for member in list(self._outside):
            member.beat(self.now)

    def _yield(self, process: Process) -> None:
        self.main.switch()
        if process.dead:
            raise KilledError

    def request(self, call: str, timeout_s: float) -> None:
        """A request that needs the broker: it may be away, or refuse for a moment."""
        self.point(call)
        deadline = self.now + max(timeout_s, 0.0)
        while not self.up or self.now < self.coordinators.get(_ASKED.get(call, ""), 0.0):
            if self.now >= deadline:
                raise timed_out(call)
            self.sleep(min(0.5, max(0.01, deadline - self.now)))
        if self.draw("slow answer"):
            self.sleep(self.random.choice((0.3, 2, 8)))
        if self.draw("call fails"):
            raise failure(KafkaError._TRANSPORT, f"{call}: the connection broke", retriable=True)

    def new_member(self, consumer: "SimulatedConsumer") -> str:
        """A member's name, and who beats for it."""
        self._members += 1
        members = self._outside if self.current is None else self.current.members
        if not any(consumer in known for known in (members, *(process.members for process in self.processes))):
            members.append(consumer)
        return f"member-{self._members}"

    def forget_member(self, consumer: "SimulatedConsumer") -> None:
        """It left."""
        members = self._outside if self.current is None else self.current.members
        if consumer in members:
            members.remove(consumer)

    # -- what is told ----------------------------------------------------------------------------------

    def note(self, what: str) -> None:
        """Add a line to the trace."""
        if self.trace is not None:
            who = self.current.name if self.current else "world"
            self.trace.append(f"{self.now:9.3f} {who} -- {what}")

    def crashed(self, process: Process, error: Exception) -> None:
        """A service ended by an error that is none of those it may end with."""
        self.note(f"crash: {error!r}")
        self.failures.append(f"crash: {process.service}: {type(error).__name__}: {error}"[:300])

    def mismatch(self, sentence: str) -> None:
        """A service says that state, offsets and log do not belong together."""
        self.note(sentence)
        self.mismatches.append(sentence)

    def taken_back(self, position: tuple[str, int]) -> None:
        """The client took a partition back to its beginning after it was told to go on elsewhere."""
        self.failures.append(f"{position} was read from its beginning again")

    # -- the scheduler ------------------------------------------------------------------------------------

    def run(self) -> list[str]:
        """Play it; what went wrong."""
        self.case.prepare(self)
        for service, make in self.case.services():
            self.wanted[service], self._makes[service] = self.plan.replicas, make
        left, feeding, idle = self.plan.events, True, False
        draw, feed, rate = self.chance, self.plan.feed, self.plan.event_rate
        idle_feed = max(_IDLE_FEED, feed)
        while (feeding or left or self.ambush) and not self._over():
            if feeding and draw() < (idle_feed if idle else feed):
                feeding = self.case.feed(self)
            if self.ambush and not feeding and draw() < 0.01:
                self.ambush = None
            if left and not self.ambush and draw() < rate:
                left -= 1
                inflict(self)
            idle = self._turn()
        self._calm()
        while not self._rests() and not self.failures and self.case.helped(self):
            self.mismatches.clear()
        if not self.failures and not self.mismatches and (unrest := self.unrest()):
            self.failures.append("it never came to rest: " + unrest)
        return self._judge()

    def _rests(self) -> bool:
        """Whether all comes to rest in time."""
        end = self.now + _REST_S
        while not self._over() and self.now <= end:
            if self._turn() and self._at_rest():
                return True
        return False

    def pause(self, meanwhile: Callable[[], None]) -> None:
        """Stop every process, do something, and let all be started again."""
        wanted = dict(self.wanted)
        self._end_all()
        meanwhile()
        self.wanted = wanted

    def _judge(self) -> list[str]:
        if not self.failures:
            if self.mismatches:
                self._write_markers()
                self.failures.extend(self.case.check_stopped(self, self.mismatches[0]))
            else:
                self._end_all()
                self.failures.extend(self.case.check(self))
                if self.cluster.unfenced:
                    self.failures.append(f"{self.cluster.unfenced} transactions held records and no offsets")
        for process in self.processes:
            process.dead = True
            if not process.coroutine.dead:
                process.kill()
        return self.failures

    def _over(self) -> bool:
        if self.steps > self.plan.most_steps:
            self.failures.append(f"it takes too many steps: {self.unrest()}")
        return bool(self.failures or self.mismatches)

    def _turn(self) -> bool:
        """One step of somebody; True where all sleep, and time moved on."""
        self.now = now = self.now + self.chance() * _TURN_S
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            if now >= self.down_until:
                self._keep_groups()
            self._supervise()
        if self.cluster.owed and now >= self.down_until and self.chance() < 0.6:
            self.cluster.write_marker(now + _START_S)
        if Stirred.yes:
            self._wake_listeners()
        if (process := self._awake(now)) is None:
            return True
        self.current, coroutine = process, process.coroutine
        try:
            coroutine.switch()
        finally:
            self.current = None
        if coroutine.dead:
            self._gone(process)
        return False

    def _awake(self, now: float) -> Process | None:
        """Who goes on; where all sleep nobody, and time moves to when the first wakes."""
        awake, wakes_at = [], self._look_at
        for process in self.processes:
            moment = process.wake_at if process.wake_at > process.frozen_until else process.frozen_until
            if moment <= now:
                awake.append(process)
            elif moment < wakes_at:
                wakes_at = moment
        if not awake:
            self.now = max(now, wakes_at)
            return None
        return awake[0] if len(awake) == 1 else awake[int(self.chance() * len(awake))]

    def enter(self, process: Process, step: Callable[[], Any]) -> None:
        """Let a process go on."""
        self.current = process
        try:
            step()
        finally:
            self.current = None

    def _gone(self, process: Process) -> None:
        self.note(f"{process.name} ended: {process.exit!r}")
        if process in self.processes:
            self.processes.remove(process)
            self._restarts.setdefault((process.service, process.replica), self.now + _RESTART_S)

    def kill(self, process: Process) -> None:
        """SIGKILL; a process that is inside of a call ends there."""
        if process is self.current:
            process.dead = True
            return
        process.kill()
        self._gone(process)

    def _supervise(self) -> None:
        """Start what is wanted and not there."""
        there = {(p.service, p.replica) for p in self.processes}
        for service, count in self.wanted.items():
            for number in range(count):
                if (service, number) in there:
                    continue
                if self._restarts.get((service, number), 0.0) <= self.now:
                    self.start(service, number)

    def start(self, service: str, number: int) -> None:
        """Start a process in a slot."""
        self._restarts.pop((service, number), None)
        self.processes.append(Process(self, service, number, self._makes[service]))

    def _keep_groups(self) -> None:
        """Heartbeats of who is alive, and time-outs."""
        now = self.now
        for process in self.processes:
            if process.frozen_until <= now:
                for member in process.members:
                    if now >= member.beat_at:
                        member.beat(now)
        self.cluster.expire_transactions(now)
        for group in self.cluster.groups.values():
            group.expire(now, _SESSION_S, _REBALANCE_S)

    def broker_back(self) -> None:
        """A coordinator that comes back gives every member a new session."""
        for group in self.cluster.groups.values():
            for member in group.members.values():
                member.seen_at = max(member.seen_at, self.down_until)

    # -- the end -----------------------------------------------------------------------------------------

    def _calm(self) -> None:
        """No fault more: who is frozen wakes up, who is down is started."""
        self.note("the last fault is over")
        self.active = self.cruel = False
        self.ambush = None
        self.chunk = max(self.chunk, 10)
        for service in self.wanted:
            self.wanted[service] = max(1, self.wanted[service])
        newest = {(p.service, p.replica): p for p in self.processes}
        for process in self.processes:
            process.frozen_until = min(process.frozen_until, self.now + 1)
            if newest[process.service, process.replica] is not process:
                process.stop()  # its slot is another's by now
            if process.replica >= self.wanted[process.service]:
                process.stop()
        self.down_until = min(self.down_until, self.now + 1)
        self.coordinators = {}

    def _at_rest(self) -> bool:
        if self.now - self._rest_asked_at < 0.3:
            return False
        self._rest_asked_at = self.now
        return not self.unrest()

    def unrest(self) -> str:
        """What has not come to rest; empty where all has."""
        for service, count in self.wanted.items():
            up = [p for p in self.processes if p.service == service]
            if len(up) != count or not all(p.ready for p in up):
                return f"{service}: " + (", ".join(p.loop.waits_for if p.loop else "starts" for p in up) or "down")
            if any(p.wake_at > self.now and not p.listens for p in up):
                return f"{service}: waits for an answer"  # of what the broker has done: it goes on from there
        if self.cluster.undecided:
            return "a transaction is open"
        for group, inputs in self.case.groups():
            offsets = self.cluster.group(group).offsets
            owned = sum(len(member.owned) for member in self.cluster.group(group).members.values())
            if owned != sum(len(self.cluster.topics[topic]) for topic in inputs):
                return f"{group}: {owned} partitions are somebody's"
            for topic in inputs:
                for number, log in enumerate(self.cluster.topics[topic]):
                    if offsets.get((topic, number), (0, "", -1))[0] != log.end:
                        return f"{group} is at {offsets.get((topic, number))} of {log.end} in {topic} {number}"
        return ""

    def _end_all(self) -> None:
        """SIGTERM to all, and let them end."""
        self.wanted = dict.fromkeys(self.wanted, 0)
        for process in self.processes:
            process.stop()
        for _ in range(20_000):
            if not self.processes:
                break
            self._turn()
        else:
            self.failures.append("SIGTERM does not end a service")
        self._write_markers()

    def _write_markers(self) -> None:
        while self.cluster.owed:
            self.cluster.write_marker(self.now + _START_S)
