"""The archive under fault: the Delta table holds each row once."""

from collections.abc import Iterator, Mapping

from deltalake import DeltaTable, QueryBuilder
from tests.chaos.case import Input, World
from tests.chaos.cases.gates import MODELS, frames, prepared, row_ids
from tests.chaos.verdict import Verdict

from driftloop.contracts.topics import OUTCOME_FRAMES


class ArchiveCase:
    """There are no output topics: the table takes their place, and its own log keeps half a write out."""

    name = "outcome_archive"
    module = ("outcome_ingestion", "--role", "archive")
    rate, hold_ms = 60.0, 40.0
    outputs: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = {"outcome_archive": (OUTCOME_FRAMES,)}

    def environment(self, world: World) -> Mapping[str, str]:
        return {"DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI": str(world.folder / "lake")}

    def prepare(self, world: World) -> Iterator[Input]:
        for model_id in MODELS:
            yield from prepared(model_id)

    def inputs(self) -> Iterator[Input]:
        return frames()

    def finished(self, world: World) -> bool:
        return True

    def check(self, world: World, verdict: Verdict) -> None:
        seen = dict.fromkeys(MODELS, 0)
        expected: list[str] = []
        for item in world.sent:
            expected += row_ids(item.key, seen[item.key])
            seen[item.key] += 1
        table = DeltaTable(str(world.folder / "lake"))
        query = QueryBuilder().register("rows", table)
        found = query.execute("select prediction_id, frame_offset, frame_row from rows").read_all()
        verdict.compare(expected, list(found["prediction_id"].to_pylist()))
