"""The archive under fault: the Delta table holds each row once, each bad frame is buried once."""

from collections.abc import Iterator, Mapping

from deltalake import DeltaTable, QueryBuilder
from tests.chaos.case import Input, World
from tests.chaos.cases.gates import MODELS, frames, prepared, row_ids
from tests.chaos.verdict import Verdict
from tests.chaos.witness import read_all

from driftloop.contracts.topics import DEAD_LETTERS, OUTCOME_FRAMES

_RUBBISH = b"no frame "


class ArchiveCase:
    """Every third record is rubbish: dead letters are records that a fault can abort, and there must be some.

    The hold is long, because most of a batch's time is the write to the table, which is outside the transaction.
    """

    name = "outcome_archive"
    module = ("outcome_ingestion", "--role", "archive")
    control = ("tests.chaos.cases.forgetful_archive",)
    rate, hold_ms = 75.0, 1_000.0
    outputs: tuple[str, ...] = (DEAD_LETTERS,)
    groups: Mapping[str, tuple[str, ...]] = {"outcome_archive": (OUTCOME_FRAMES,)}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI": str(world.folder / "lake")}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id)

    def inputs(self) -> Iterator[Input]:
        for number, frame in enumerate(frames()):
            yield frame
            if (number + number // len(MODELS)) % 2:  # of each model's frames every second one, or the breaker trips
                yield Input(OUTCOME_FRAMES, frame.key, _RUBBISH + b"%d" % number)

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        good = [item for item in world.sent if not item.value.startswith(_RUBBISH)]
        seen = dict.fromkeys(MODELS, 0)
        expected: list[str] = []
        for item in good:
            expected += row_ids(item.key, seen[item.key])
            seen[item.key] += 1
        query = QueryBuilder().register("rows", DeltaTable(str(world.folder / "lake")))
        found = query.execute("select prediction_id from rows").read_all()
        verdict.compare(expected, list(found["prediction_id"].to_pylist()))
        bad = [item.value for item in world.sent if item.value.startswith(_RUBBISH)]
        buried = read_all(world.kafka.bootstrap_servers, [world.kafka.topic_prefix + DEAD_LETTERS])
        verdict.compare(bad, [record.value() for record in buried])
        verdict.order([(record.key(), int(record.value().removeprefix(_RUBBISH))) for record in buried])
