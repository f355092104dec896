"""State that is built anew from the log, whatever the log and the changelog hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.loop.conftest import Counter

from driftloop.errors import AwayError, ExitCode, UserError
from driftloop.in_memory.log import MemoryLog
from driftloop.in_memory.loop import MemoryLoop, MemoryTransport
from driftloop.kafka.loop.identity import MARK_KEY
from driftloop.kafka.loop.restore import restore
from driftloop.kafka.loop.state import MANIFEST_KEY
from driftloop.kafka.settings import LoopSettings

SETTINGS = LoopSettings(
    service="counter", group="counter", inputs=("outcome-frames", "model-commands"), state="snapshot", snapshot_every=3
)
VALUES = st.sampled_from([b"row", b"row", b"row", b"poison", b"refused", b"rubbish"])
INPUTS = st.lists(st.tuples(st.sampled_from(SETTINGS.inputs), st.sampled_from(["a", "b", "c"]), VALUES), max_size=25)


class Refusing(Counter):
    """Has a sentence for some values, which the loop buries as it does any other error about a record."""

    def _one(self, record):
        if record.value() == b"refused":
            raise UserError("this value is refused")
        return super()._one(record)


def counted(log: MemoryLog) -> dict[str, int]:
    """All that is there, taken in by a new process that is killed then."""
    core = Refusing(keyed=False)
    loop = MemoryLoop(core, SETTINGS, log, batch_size=4)
    loop.settle()
    total = core.total
    loop.kill()
    return total


@given(INPUTS)
def test_a_state_that_was_forgotten_is_built_anew_without_the_records_that_were_buried(inputs):
    log = MemoryLog()
    for topic, key, value in inputs:
        log.append(topic, key=key, value=value)
    first = counted(log)
    letters = len(log.records("prediction-outcomes-dlq"))
    for record in log.records(SETTINGS.changelog):
        if record.key() != MARK_KEY:
            log.append(SETTINGS.changelog, key=record.key(), value=None)  # as `recover --forget-state` does
    assert counted(log) == first
    assert len(log.records("prediction-outcomes-dlq")) == letters


class Away(Counter):
    """Its store is away whenever it is asked for a count."""

    def process(self, records, now, *, tables_current=False):
        raise AwayError("the disk is full")


def test_a_replay_waits_for_what_the_core_needs_and_leaves_nothing_out_for_it():
    log = MemoryLog()
    log.append("outcome-frames", key="a", value=b"row")
    counted(log)
    for record in log.records(SETTINGS.changelog):
        if record.key() != MARK_KEY:
            log.append(SETTINGS.changelog, key=record.key(), value=None)
    with pytest.raises(AwayError):
        restore(Away(keyed=False), SETTINGS, MemoryTransport(SETTINGS, log), 0)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([float("inf"), float("nan"), 0.5])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PARTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("cluster", "topics", "partitions", "offsets", "generation", "entries"), JSON)
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([MARK_KEY, MANIFEST_KEY, b"a", b"\xff", b""]),
            st.none()
            | st.binary(max_size=8)
            | st.just(b"[" * 100_000)
            | PARTS.map(lambda parts: json.dumps(parts).encode()),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["keyed", "snapshot"]),
)
def test_whatever_others_write_to_a_changelog_is_a_sentence_or_no_matter(records, state):
    log, core = MemoryLog(), Counter(keyed=state == "keyed")
    for key, value in records:
        log.append(SETTINGS.changelog, key=key, value=value)
    settings = SETTINGS.model_copy(update={"state": state})
    said = []
    try:
        restore(core, settings, MemoryTransport(settings, log), 0)
    except UserError as error:
        said.append((error.exit_code, "`driftloop recover counter" in error.sentence))
    assert said in ([], [(ExitCode.STATE_MISMATCH, True)])
