"""Every deadline of the runtime, and the inequalities that they keep.

Why one place: each of them is harmless alone. A watchdog shorter than a call's own time-out ends healthy
processes; a revoke that may take longer than `max.poll.interval.ms` loses the partitions that it writes
down. Whoever changes one number is told here which other one it collides with.

    session, call  <  stuck                     a call gives up by itself before anybody calls it stuck
    call           <= close                     a transaction's end is tried at least once in full
    stop           <  unready < stuck           a replica that hangs is not ready before it is ended
    revoke         <  poll interval             leaving partitions are written down while they are ours
    session + stuck + restart <= stall          the longest that a hung replica keeps its partitions
    patience + leave + restart <= stall         the same of one that asks in vain, gives up and cannot leave

Progress is the beginning or the end of a call into the Kafka client, not a turn of the loop: a restore of an
hour makes thousands of calls, and none of them may last. The work of a core between two calls (a batch, a
snapshot) may take as long as the group lets a member be silent: `poll_interval_s`, and then `stuck_s` more.
Nobody is ended before, because nothing would be gained: after that the partitions are another replica's.
"""

from dataclasses import dataclass

from driftloop.errors import ExitCode, UserError
from driftloop.kafka.settings import KafkaSettings

RESTART_S = 30.0
"""What a supervisor may need to start a process again: the wait before the start, imports, a usual restore."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. Raises UserError where they contradict each other.

    `session_s`, `poll_interval_s`: the broker's view of a group's member. `transaction_s`: the broker takes an open
    transaction back. `ask_s`: the time-out given to a question that is asked anew through a new
    client. `call_s`: the time-out given to any other call. `close_s`: tries of a transaction's end, offsets
    and commit together. `patience_s`: tries of anything else whose errors pass by themselves. `delivery_s`: a
    reader that knows of records and gets none. `share_s`: a member of a group that was given nothing for so long has
    no share. `unready_s`: from when on a replica without progress is not ready.
    `stuck_s`: from when on a call is taken for hung and the process ended. `leave_s`: the same for `close`, which is a
    courtesy. `stop_s`: from SIGTERM to the end.

    >>> Deadlines().revoke_s
    120.0
    >>> Deadlines(call_s=60)
    Traceback (most recent call last):
        ...
    driftloop.errors.UserError: Deadlines contradict each other: call_s (60 s) must be less than stuck_s (45 s)
    """

    session_s: float = 6.0
    transaction_s: float = 30.0
    poll_interval_s: float = 600.0
    ask_s: float = 5.0
    call_s: float = 15.0
    close_s: float = 30.0
    patience_s: float = 45.0
    delivery_s: float = 30.0
    share_s: float = 5.0
    leave_s: float = 15.0
    stop_s: float = 9.0
    unready_s: float = 15.0
    stuck_s: float = 45.0
    stall_s: float = 90.0

    def __post_init__(self) -> None:
        self._require("call_s", self.call_s, "stuck_s", self.stuck_s)
        self._require("ask_s", self.ask_s, "call_s", self.call_s, or_equal=True)
        self._require("leave_s", self.leave_s, "stuck_s", self.stuck_s, or_equal=True)
        self._require("session_s", self.session_s, "stuck_s", self.stuck_s)
        self._require("call_s", self.call_s, "close_s", self.close_s, or_equal=True)
        self._require("stop_s", self.stop_s, "unready_s", self.unready_s)
        self._require("unready_s", self.unready_s, "stuck_s", self.stuck_s)
        self._require("revoke_s", self.revoke_s, "max.poll.interval.ms", self.poll_interval_s)
        self._require("transaction.timeout.ms", self.transaction_s, "max.poll.interval.ms", self.poll_interval_s)
        longest = self.session_s + self.stuck_s + RESTART_S
        in_vain = self.patience_s + self.leave_s + RESTART_S
        self._require("patience_s + leave_s + restart", in_vain, "stall_s", self.stall_s, or_equal=True)
        self._require("session_s + stuck_s + restart", longest, "stall_s", self.stall_s, or_equal=True)

    @classmethod
    def of(cls, kafka: KafkaSettings) -> "Deadlines":
        """Those of a service with these settings. The session is the client's only in the classic protocol."""
        session = {"session_s": kafka.session_timeout_ms / 1000} if kafka.group_protocol == "classic" else {}
        return cls(
            **session,
            transaction_s=kafka.transaction_timeout_ms / 1000,
            poll_interval_s=kafka.max_poll_interval_ms / 1000,
        )

    @property
    def revoke_s(self) -> float:
        """The longest that the last transaction of leaving partitions takes, after which they are given up.

        Tries of its end (the last one may begin just in time), its abort, and a new producer in the worst case.
        """
        return self.close_s + self.call_s + self.call_s + self.patience_s + self.call_s

    @property
    def core_s(self) -> float:
        """The longest that a core may work without a call into the client."""
        return self.poll_interval_s + self.stuck_s

    def _require(self, name: str, less: float, other: str, more: float, *, or_equal: bool = False) -> None:
        if less > more or (less == more and not or_equal):
            word = "at most" if or_equal else "less than"
            raise UserError(
                f"Deadlines contradict each other: {name} ({less:g} s) must be {word} {other} ({more:g} s)",
                ExitCode.USAGE,
            )


DEADLINES = Deadlines()
"""What every client keeps that is not told otherwise."""
