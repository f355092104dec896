"""What tests of ingestion share: a clock, specs on their topic, and what came out of a core."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from driftloop.codec.frames import Frame, decode_frame
from driftloop.contracts.message import derive_id
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.topics import MODEL_SPECS
from driftloop.processor import DeadLetter, Effects
from driftloop.spec.model_spec import ModelSpec
from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.ingest import Ingest

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def spec_record(spec: dict[str, Any], version: int = 1) -> FakeRecord:
    published = ModelSpecPublished(
        message_id=derive_id("spec", spec["model_id"], version),
        model_id=spec["model_id"],
        occurred_at=START,
        spec_version=version,
        spec=ModelSpec.model_validate(spec),
    )
    return FakeRecord(MODEL_SPECS, key=published.model_id, value=published.to_json(), at_offset=version)


@dataclass
class CoreOutput:
    """A core, and what came out of it."""

    core: Ingest
    frames: list[Frame] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    state: dict[str, bytes] = field(default_factory=dict)

    def take(self, records: Sequence[FakeRecord]) -> Effects:
        effects = self.core.process(records, START, tables_current=True)
        self.frames += [decode_frame(out.value, out.headers) for out in effects.outgoing]
        self.dead += effects.dead_letters
        for why, count in effects.ignored.items():
            self.ignored[why] = self.ignored.get(why, 0) + count
        for change in effects.state_changes:
            if change.value is None:
                self.state.pop(change.key, None)
            else:
                self.state[change.key] = change.value
        return effects

    def rows(self, model_id: str | None = None) -> list[dict[str, Any]]:
        frames = [frame for frame in self.frames if model_id in (None, frame.header.model_id)]
        return [row for frame in frames for row in frame.batch.to_pylist()]

    def events(self) -> list[tuple[str, str]]:
        return [(row["prediction_id"], row["event"]) for row in self.rows()]
