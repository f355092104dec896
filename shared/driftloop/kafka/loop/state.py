"""State on a compacted changelog, one partition of it per input partition.

*Keyed*: each changed key is a record, written in the transaction that changed it. *Snapshot*: the
whole state is written now and then, in one transaction, closed by a manifest that says how many
entries there are, of which generation, and from which input offsets to go on; keys of the generation
before that are no more are deleted in the same transaction. Restoring checks the manifest, so half a
snapshot can never be taken for a whole one. Beside either stands a mark, which says of which log and of which
offsets the state is (see `identity`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from driftloop.kafka.loop.identity import MARK_KEY, Mark
from driftloop.kafka.loop.transport import Write
from driftloop.processor import Record, StateChange

MANIFEST_KEY = b"\x00manifest"
_GENERATION = "driftloop.generation"
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What the text of somebody else's record raises."""


class DamagedStateError(Exception):
    """A changelog does not hold what its manifest promises."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A restored snapshot: its entries, and the next input offset of each topic."""

    entries: dict[bytes, bytes]
    generation: int
    offsets: Mapping[str, int]


def keyed_writes(changelog: str, changes: Iterable[StateChange]) -> list[Write]:
    """The records of keyed state that changed; of a key that changed twice, the last."""
    last = {(change.partition, change.key): change.value for change in changes}
    return [Write(changelog, key.encode(), value, (), partition) for (partition, key), value in last.items()]


def latest_values(records: Iterable[Record]) -> dict[bytes, Record]:
    """What a compacted partition holds: the last record of each key, deleted keys left out."""
    latest: dict[bytes, Record] = {}
    for record in records:
        key = record.key() or b""
        latest.pop(key, None)
        if record.value() is not None:
            latest[key] = record
    return latest


def take_mark(latest: dict[bytes, Record]) -> Mark | None:
    """The mark that stands beside the state; it is no entry, and is taken out. Raises DamagedStateError."""
    record = latest.pop(MARK_KEY, None)
    try:
        return None if record is None else Mark.from_json(record.value() or b"{}")
    except _NOT_OURS as error:
        raise DamagedStateError("its mark is none of ours") from error


def entries_of(latest: dict[bytes, Record]) -> Iterator[tuple[str, bytes]]:
    """The entries for a core's `restore`; each is let go of as it is handed over."""
    for key in list(latest):
        yield key.decode(), latest.pop(key).value() or b""


def snapshot_writes(
    changelog: str,
    partition: int,
    entries: Iterable[tuple[str, bytes]],
    before: Snapshot | None,
    offsets: Mapping[str, int],
) -> tuple[list[Write], Snapshot]:
    """The records of a new snapshot, and what will be `before` for the next one."""
    generation = (before.generation if before else 0) + 1
    headers = ((_GENERATION, str(generation).encode()),)
    now = {key.encode(): value for key, value in entries}
    gone = [key for key in (before.entries if before else ()) if key not in now]
    writes = [Write(changelog, key, value, headers, partition) for key, value in now.items()]
    writes += [Write(changelog, key, None, headers, partition) for key in gone]
    writes.append(manifest_write(changelog, partition, generation, len(now), offsets))
    return writes, Snapshot(dict.fromkeys(now, b""), generation, dict(offsets))


def manifest_write(changelog: str, partition: int, generation: int, entries: int, offsets: Mapping[str, int]) -> Write:
    """What closes a snapshot: its generation, how many entries it has, and the input offsets that it is of."""
    manifest = json.dumps({"generation": generation, "entries": entries, "offsets": dict(offsets)}).encode()
    return Write(changelog, MANIFEST_KEY, manifest, ((_GENERATION, str(generation).encode()),), partition)


def read_snapshot(latest: dict[bytes, Record]) -> Snapshot | None:
    """The snapshot on a changelog partition, or None where none was ever written.

    Raises DamagedStateError where the entries are not those of the manifest.
    """
    manifest_record = latest.pop(MANIFEST_KEY, None)
    if manifest_record is None:
        if latest:
            raise DamagedStateError(f"entries without a manifest: {len(latest)}")
        return None
    manifest = _manifest(manifest_record)
    generation = str(manifest["generation"]).encode()
    entries = {
        key: record.value() or b""
        for key, record in latest.items()
        if dict(record.headers() or ()).get(_GENERATION) == generation
    }
    if len(entries) != manifest["entries"] or len(entries) != len(latest):
        raise DamagedStateError(f"{len(latest)} entries, {len(entries)} of them of generation {generation.decode()}")
    return Snapshot(entries, manifest["generation"], manifest["offsets"])


def _manifest(record: Record) -> dict[str, Any]:
    try:
        manifest = json.loads(record.value() or b"{}")
        offsets = {str(topic): int(offset) for topic, offset in manifest["offsets"].items()}
        return {"generation": int(manifest["generation"]), "entries": int(manifest["entries"]), "offsets": offsets}
    except _NOT_OURS as error:
        raise DamagedStateError("its manifest is none of ours") from error
