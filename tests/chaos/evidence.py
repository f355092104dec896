"""What is kept of a run that lost something, so that the loss can be looked into afterwards.

    python -m tests.chaos … --keep FOLDER

leaves, where a run is not clean, or a process ended by a signal that nobody sent: what was fed (`fed.jsonl`, in its
order), every topic with aborted records and all (`TOPIC.jsonl`; `committed` says whether a reader of committed records
sees it) and the replicas' logs, with the stacks of a process that crashed.
An input that is on its topic and in no output was lost by the service; one that is not on its topic
was lost before the service could have seen it.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Message
from tests.chaos.case import Case, World
from tests.chaos.witness import read_all


def keep(case: Case, world: World, folder: Path) -> None:
    """Write it all into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    fed = ({"topic": one.topic, "key": one.key, "value": one.value.decode("latin-1")} for one in world.sent)
    _write(folder / "fed.jsonl", fed)
    prefix, servers = world.kafka.topic_prefix, world.kafka.bootstrap_servers
    for topic in sorted({one.topic for one in world.sent} | set(case.outputs)):
        committed = {(m.partition(), m.offset()) for m in read_all(servers, [prefix + topic])}
        there = read_all(servers, [prefix + topic], committed=False)
        _write(folder / f"{topic}.jsonl", (_line(m, (m.partition(), m.offset()) in committed) for m in there))
    _copy_logs(world, folder)


@contextmanager
def logs_kept(world: World, folder: Path | None) -> Iterator[None]:
    """Leave the replicas' logs in a folder where the block raises."""
    try:
        yield
    except BaseException:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            _copy_logs(world, folder)
        raise


def _copy_logs(world: World, folder: Path) -> None:
    for log in world.folder.glob("*.log"):
        shutil.copy(log, folder)


def _line(message: Message, committed: bool) -> dict[str, Any]:
    value, key = message.value(), message.key()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "at_ms": message.timestamp()[1],
        "committed": committed,
        "key": key and key.decode("latin-1"),
        "headers": {name: value.decode("latin-1") for name, value in message.headers() or () if value is not None},
        "value": value and value.decode("latin-1"),
    }


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")
