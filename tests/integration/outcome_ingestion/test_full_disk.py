"""The archive on a disk that is full: a small file system of its own, as root on Linux can mount one."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from deltalake import DeltaTable, QueryBuilder
from tests.chaos.case import Input
from tests.chaos.cases.gates import frames, row_ids
from tests.chaos.run import send
from tests.quiescence import Quiescence

from driftloop.contracts.topics import OUTCOME_FRAMES
from driftloop.errors import ExitCode
from driftloop.kafka.admin.topics import apply_topics

pytestmark = pytest.mark.broker

RETRY_S = 3


@pytest.fixture
def archive(start_service, tmp_path):
    """Starts the archive role on the folder `disk/lake`."""
    return lambda: start_service(
        "outcome_ingestion",
        "archive",
        DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_URI=str(tmp_path / "disk" / "lake"),
        DRIFTLOOP_OUTCOME_INGESTION_ARCHIVE_RETRY_SECONDS=str(RETRY_S),
    )


def fill(file: Path) -> None:
    """Take every byte that is left."""
    file.write_bytes(b"\0" * shutil.disk_usage(file.parent).free)


def rows(folder: Path) -> Counter:
    found = QueryBuilder().register("rows", DeltaTable(str(folder))).execute("select prediction_id from rows")
    return Counter(found.read_all()["prediction_id"].to_pylist())


def test_a_full_disk_is_waited_for_then_said_and_no_row_is_lost_or_doubled(
    kafka, archive, mounted, tmp_path, wait_until
):
    disk, log = tmp_path / "disk", tmp_path / "archive.log"
    mounted(disk, "size=4m")
    apply_topics(kafka, partitions=1, replication=1)
    watch = Quiescence(kafka, {"outcome_archive": (OUTCOME_FRAMES,)})
    fed: list[Input] = []

    def feed(count: int) -> None:
        fed.extend(next(source) for _ in range(count))
        send(kafka, fed[-count:])

    source = frames()
    feed(6)
    first = archive()
    watch.wait(60)
    fill(disk / "filler")
    feed(6)
    wait_until(lambda: b"trying again" in log.read_bytes(), 30, "a second try")
    (disk / "filler").unlink()
    watch.wait(30)

    fill(disk / "filler")
    feed(6)
    assert first.wait(30) == ExitCode.ERROR
    assert log.read_text().splitlines()[-1].startswith(f"the archive at {disk / 'lake'} cannot be written: ")
    assert "No space left on device" in log.read_text().splitlines()[-1]
    (disk / "filler").unlink()
    archive()
    watch.wait(60)
    expected = [name for number, item in enumerate(fed) for name in row_ids(item.key, number // 6)]
    assert rows(disk / "lake") == Counter(expected)
