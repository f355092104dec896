"""The core of role pair: a request and its response, in whichever order they come, to outcomes."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from driftloop.contracts.topics import PREDICTION_HALVES
from driftloop.cores.effects_builder import EffectsBuilder
from driftloop.cores.record_fields import partition_of, value_bytes
from driftloop.processor import DeadLetter, Effects, Record, StateChange
from outcome_ingestion.core.refusal import Refusal
from outcome_ingestion.core.translate.assembly import outcome
from outcome_ingestion.core.translate.halves import Half, exchanged


@dataclass(frozen=True, slots=True)
class PairRules:
    """How long a half waits, by the times of the records, and how many wait in a partition."""

    wait_seconds: float = 600.0
    waiting_halves: int = 100_000


class Waiting(msgspec.Struct, frozen=True):
    """A half that waits, as it is kept: its record's value, place and time."""

    value: bytes
    partition: int
    offset: int
    ms: int
    key: str

    def half(self) -> Half:
        """The half."""
        return msgspec.json.decode(self.value, type=Half)


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """The record of a half that is given up, for its dead letter."""

    kept: Waiting

    def topic(self) -> str:
        """The topic of halves."""
        return PREDICTION_HALVES

    def partition(self) -> int:
        """Where it stood."""
        return self.kept.partition

    def offset(self) -> int:
        """Where it stood."""
        return self.kept.offset

    def key(self) -> bytes:
        """The exchange."""
        return self.kept.key.encode()

    def value(self) -> bytes:
        """The half."""
        return self.kept.value

    def headers(self) -> list[tuple[str, bytes]] | None:
        """It has none."""
        return None

    def timestamp(self) -> tuple[int, int]:
        """As it was."""
        return 1, self.kept.ms


class Pair:
    """The `Processor` of role pair: see the service card.

    What is waiting depends on the records of a partition and their times alone, so a redo gives the same.
    """

    def __init__(self, rules: PairRules | None = None) -> None:
        self.rules = rules or PairRules()
        self.pairs = 0
        self._waiting: dict[int, OrderedDict[str, Waiting]] = {}

    @property
    def halves_waiting(self) -> int:
        """Halves that wait for the other one."""
        return sum(len(waiting) for waiting in list(self._waiting.values()))

    def process(self, records: Sequence[Record], now: datetime, *, tables_current: bool = False) -> Effects:  # noqa: ARG002
        """Outcomes of the exchanges that became whole, and letters of responses whose request never came."""
        built = EffectsBuilder()
        for record in records:
            try:
                self._take(record, built)
            except Refusal as refusal:
                built.bury(DeadLetter(record, refusal.stage, refusal.error_class, refusal.sentence))
            self._give_up(partition_of(record), record.timestamp()[1], built)
        return built.effects()

    def _take(self, record: Record, built: EffectsBuilder) -> None:
        try:
            half = msgspec.json.decode(value_bytes(record), type=Half)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refusal("decode", "Undecodable", f"the record is no half of an exchange: {error}"[:500]) from error
        number = partition_of(record)
        waiting = self._waiting.setdefault(number, OrderedDict())
        other = waiting.get(half.key)
        if other is None:
            kept = Waiting(value_bytes(record), number, record.offset(), record.timestamp()[1], half.key)
            waiting[half.key] = kept
            built.change(StateChange(number, half.key, msgspec.json.encode(kept)))
            return
        first = other.half()
        if first.part == half.part:
            built.ignore("repeated_half")
            return
        del waiting[half.key]
        built.change(StateChange(number, half.key, None))
        request, response = (first, half) if first.part == "request" else (half, first)
        rows = exchanged(request, response)
        built.send(*[outcome(row, half.model_id) for row in rows])
        if not rows:
            built.ignore("no_rows")
        self.pairs += 1

    def _give_up(self, number: int, newest_ms: int, built: EffectsBuilder) -> None:
        waiting = self._waiting.get(number, OrderedDict())
        before = newest_ms - self.rules.wait_seconds * 1000
        while waiting:
            key, oldest = next(iter(waiting.items()))
            too_many = len(waiting) > self.rules.waiting_halves
            if not too_many and oldest.ms >= before:
                return
            del waiting[key]
            built.change(StateChange(number, key, None))
            if oldest.half().part == "request":
                built.ignore("request_without_response")  # a server that failed answers nothing that is logged
                continue
            why = f"{self.rules.waiting_halves} others waited" if too_many else f"{self.rules.wait_seconds:g} s passed"
            built.bury(
                DeadLetter(
                    HeldRecord(oldest), "join", "ResponseWithoutRequest",
                    f"no request with the id '{oldest.half().exchange[:100]}' came before {why}",
                )
            )  # fmt: skip

    def wake(self, now: datetime) -> Effects:  # noqa: ARG002
        """Never asked for."""
        return Effects()

    def restore(self, partition: int, state: Iterable[tuple[str, bytes]]) -> None:
        """Take up the halves of a partition."""
        kept = [msgspec.json.decode(value, type=Waiting) for _, value in state]
        self._waiting[partition] = OrderedDict((one.key, one) for one in sorted(kept, key=lambda one: one.offset))

    def snapshot(self, partition: int) -> Iterable[tuple[str, bytes]]:  # noqa: ARG002
        """Nothing: the state is keyed."""
        return ()

    def revoke(self, partition: int) -> None:
        """Forget a partition."""
        self._waiting.pop(partition, None)

    def take_table(self, topic: str, records: Sequence[Record]) -> None:
        """No tables are read."""
