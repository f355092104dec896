"""`driftloop dlq`: what was buried is listed, shown, sent once more after the fault was mended, and deleted."""

import json
import threading
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from tests.rubbish import good
from tests.unit.cli.test_archive import row
from typer.testing import CliRunner

from driftloop.archive.erasing import Wanted, erase_rows, find_rows
from driftloop.archive.schema import ARCHIVE_SCHEMA, PARTITION_BY
from driftloop.codec.frames import decode_frame
from driftloop.contracts.archive_erasures import RowsErased
from driftloop.contracts.topics import ARCHIVE_ERASURES, DEAD_LETTERS, MODEL_SPECS, OUTCOME_FRAMES, PREDICTION_OUTCOMES
from driftloop.kafka.admin.dead_letters_topic import erase_dead_letters, read_dead_letters
from driftloop.kafka.admin.topics import apply_topics
from driftloop.kafka.clients.sender import Sender
from driftloop.kafka.clients.tail import Tail
from driftloop.kafka.loop.loop import Loop
from driftloop.tools.cli.dlq import app
from driftloop.tools.cli.main import app as whole_app
from driftloop.tools.registry.erased_letters import look_into
from driftloop.tools.registry.erasures_told import tell_erasures
from driftloop.tools.registry.view import RegistryView
from driftloop.tools.verify.erased import read_erasures
from outcome_ingestion.app import INGEST
from outcome_ingestion.core.ingest import Ingest

pytestmark = pytest.mark.broker


@pytest.fixture
def dlq(kafka, monkeypatch):
    """Runs the command against the test's broker."""
    monkeypatch.setenv("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)

    def run(*arguments):
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    return run


@pytest.fixture
def ingestion(kafka):
    """Ingestion's loop at work."""
    apply_topics(kafka, partitions=2)
    loop = Loop(Ingest(), INGEST, kafka)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    yield loop
    loop.stop()
    thread.join(30)


@pytest.fixture
def sender(kafka):
    sender = Sender(kafka)
    yield sender
    sender.close()


def read(tail, count, seconds=60.0):
    """The next `count` records."""
    found, deadline = [], time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records came"
        found += tail.read(0.2)
    return found


def ids_in(frames):
    batches = [decode_frame(record.value, record.headers).batch for record in frames]
    return [prediction_id for batch in batches for prediction_id in batch.column("prediction_id").to_pylist()]


def test_a_replay_after_the_fault_was_mended_loses_nothing_keeps_the_key_and_doubles_nothing(
    kafka, ingestion, sender, dlq
):
    rows = [good.outcome(number) for number in range(6)]
    broken = good.outcome(7)._replace(value=b"{")
    with Tail(kafka, [DEAD_LETTERS]) as letters, Tail(kafka, [OUTCOME_FRAMES]) as frames:
        for record in (*rows, broken):
            sender.send(record.topic, record.key, record.value, record.headers)
        sender.flush()
        read(letters, 7)
        assert dlq("list")["counts"] == {"UnknownModel": 6, "Undecodable": 1}
        (place,) = [one["place"] for one in dlq("list", "--class", "Undecodable")["letters"]]
        assert dlq("show", place)["value"] == "{"

        sender.send(MODEL_SPECS, good.MODEL, good.spec().value)
        sender.flush()
        assert dlq("replay", "--class", "UnknownModel") == {"sent": 6}
        replayed: list[str] = []
        while len(replayed) < len(rows):
            replayed += ids_in(read(frames, 1))
        assert sorted(replayed) == [row.key for row in rows]
        assert dlq("replay", "--class", "UnknownModel", "--topic", PREDICTION_OUTCOMES) == {"sent": 6}
        more = good.outcome(100)
        sender.send(more.topic, more.key, more.value)
        sender.flush()
        read(frames, 1)
    with Tail(kafka, [OUTCOME_FRAMES, PREDICTION_OUTCOMES]) as whole:
        found = whole.read_to_end()
    framed = [record for record in found if record.topic == OUTCOME_FRAMES]
    assert sorted(ids_in(framed)) == sorted([*(row.key for row in rows), more.key])
    sent = [(record.key, record.value) for record in found if record.topic == PREDICTION_OUTCOMES]
    assert all(sent.count((row.key, row.value)) == 3 for row in rows), "once by its producer, twice by replays"
    assert dlq("purge", "--yes") == {"deleted": 7}
    assert dlq("list")["letters"] == []


def test_erased_letters_go_and_the_others_before_them_stay_as_they_were(kafka, sender):
    apply_topics(kafka, partitions=2)
    why = (("dlq.error.class", b"Undecodable"), ("dlq.error.topic", b"prediction-outcomes"), ("trace", b"t1"))
    for number in range(6):
        told = json.dumps({"model_id": "m", "prediction_id": f"p{number}"})
        sender.send(DEAD_LETTERS, b"one-partition", told.encode(), why)
    sender.flush()
    before = read_dead_letters(kafka)
    gone = look_into(before, Wanted("m", ("p1", "p3")), {"p1", "p3"}).about
    assert erase_dead_letters(kafka, before, gone) == 2
    after = read_dead_letters(kafka)
    assert sorted((one.value, one.headers) for one in after) == sorted(
        (one.value, one.headers) for one in before if (one.partition, one.offset) not in gone
    )
    assert {one.error["class"] for one in after} == {"Undecodable"}
    assert erase_dead_letters(kafka, after, set()) == 0
    assert len(read_dead_letters(kafka)) == 4


def test_what_was_erased_is_put_on_the_log_once_and_also_what_was_erased_before(kafka, tmp_path):
    apply_topics(kafka, partitions=2)
    uri, at = str(tmp_path / "lake"), datetime(2026, 2, 1, tzinfo=UTC)
    rows = [row("pricing", 1, number) for number in range(4)]
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    view, told = RegistryView(), []
    for names in (("p0", "p1"), ("p2",)):
        erase_rows(uri, find_rows(uri, Wanted("pricing", names)), lambda: at)
        told += [tell_erasures(kafka, view, uri, "pricing"), tell_erasures(kafka, view, uri, "pricing")]
    view.close()
    assert told == [1, 0, 1, 0]
    with Tail(kafka, [ARCHIVE_ERASURES]) as tail:
        found = [RowsErased.from_json(record.value) for record in tail.read_to_end()]
    assert sorted(one.rows for one in found) == [1, 2]
    assert sorted(one.rows for one in read_erasures(kafka)) == [1, 2]


def test_the_command_that_erases_tells_the_log_itself(kafka, tmp_path, monkeypatch):
    apply_topics(kafka, partitions=2)
    uri = str(tmp_path / "lake")
    rows = [row("pricing", 1, number) for number in range(4)]
    write_deltalake(uri, pa.Table.from_pylist(rows, schema=ARCHIVE_SCHEMA), partition_by=PARTITION_BY)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("DRIFTLOOP_KAFKA_TOPIC_PREFIX", kafka.topic_prefix)
    named = ["--archive-uri", uri, "--home", str(tmp_path / "home"), "--prediction-id", "p1", "--yes", "--json"]
    done = CliRunner().invoke(whole_app, ["archive", "erase", "pricing", *named], catch_exceptions=False)
    assert json.loads(done.output)["told"] == 1
    with Tail(kafka, [ARCHIVE_ERASURES]) as tail:
        assert [RowsErased.from_json(record.value).rows for record in tail.read_to_end()] == [1]
