"""A case run through the cores: the messages that records become, and the reasons of those that become none."""

import json
from dataclasses import replace

from tests.foreign.cases import TOPIC, Case

from driftloop.processor import DeadLetter
from driftloop.spec.model_source import ModelSource
from driftloop.testing.clock import START
from driftloop.testing.records import START_MS, FakeRecord
from outcome_ingestion.core.translate.pairing import Pair, PairRules
from outcome_ingestion.core.translate.translating import Translate


def source_of(case: Case) -> ModelSource:
    return ModelSource.model_validate({"name": "case", "model_id": "fraud", "topics": (TOPIC,), **case.source})


def run(case: Case, records: list[FakeRecord]) -> tuple[list[dict], list[DeadLetter], dict[str, int]]:
    """Messages, letters, and what was passed over."""
    source = source_of(case)
    core = Translate(source, None if case.registry is None else case.registry.get)
    effects = core.process(records, START)
    if not source.in_halves:
        return [json.loads(m.value) for m in effects.outgoing], list(effects.dead_letters), effects.ignored
    pair = Pair(PairRules(wait_seconds=60))
    halves = [
        FakeRecord(m.topic, key=m.key, value=m.value, at_offset=n, at_ms=START_MS)
        for n, m in enumerate(effects.outgoing)
    ]
    joined = pair.process(halves, START)
    later = pair.process([FakeRecord("prediction-halves", value=b"{}", at_offset=99, at_ms=START_MS + 61_000)], START)
    letters = [letter for letter in later.dead_letters if letter.stage == "join"]
    both = joined + replace(later, dead_letters=tuple(letters))
    return [json.loads(m.value) for m in both.outgoing], [*effects.dead_letters, *both.dead_letters], both.ignored
