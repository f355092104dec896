"""What a run of faults found."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass

MIN_ABORTED = 500
LONGEST_RECOVERY_S, LONGEST_STOP_S = 30.0, 10.0


@dataclass(slots=True)
class Verdict:
    """The figures of one run; `rows` are inputs, of which the broker acknowledged and then did not have `unwritten`.

    The last four are told where they are measured: the longest recovery from a broker's fault (or
    until a group had settled), the longest end after SIGTERM, all exit codes that were seen, and the broker's version.
    """

    service: str
    faults: int
    control: bool
    rows: int = 0
    unwritten: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    state_errors: int = 0
    aborted_records: int = 0
    wall_seconds: float = 0.0
    max_seconds: float | None = None
    max_stop_seconds: float | None = None
    exits: list[int] | None = None
    kafka: str | None = None

    def compare(self, expected: Sequence[Hashable], found: Sequence[Hashable]) -> None:
        """Count what is missing and what is there too often."""
        wanted, there = Counter(expected), Counter(found)
        self.lost += sum((wanted - there).values())
        self.doubled += sum((there - wanted).values())

    def order(self, found: Sequence[tuple[Hashable, int]]) -> None:
        """Count (key, place) pairs whose place is not above the key's last one."""
        last: dict[Hashable, int] = {}
        for key, place in found:
            self.out_of_order += place <= last.get(key, -1)
            last[key] = max(place, last.get(key, -1))

    def as_json(self) -> dict[str, object]:
        """The fields of the report."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled, out of order or wrong in the state."""
        return not (self.lost or self.doubled or self.out_of_order or self.state_errors)

    @property
    def crashed(self) -> bool:
        """Whether a process ended by a signal where nobody sent one."""
        return any(code < 0 for code in self.exits or ())

    @property
    def proves(self) -> bool:
        """Whether the run says anything: enough aborted records were seen, or the control found doubles."""
        if self.control:
            return self.doubled > 0
        in_time = (self.max_seconds or 0.0) < LONGEST_RECOVERY_S and (self.max_stop_seconds or 0.0) < LONGEST_STOP_S
        if self.exits is not None:  # nobody was killed: what is asked is to recover, or to end in good order
            return self.clean and in_time
        return self.clean and self.aborted_records >= (MIN_ABORTED if self.faults >= 100 else 1)
