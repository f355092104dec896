"""Which log the archive's rows came from: written into the table, so that another log's offsets never skip rows.

Why: the table remembers by offset how far each partition is archived. Beside a Kafka that was made anew those
offsets mean nothing, and all that comes would be taken for archived.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from driftloop.archive.schema import app_id
from driftloop.errors import AwayError, ExitCode

if TYPE_CHECKING:
    from deltalake import DeltaTable

PROPERTY = "driftloop.log"
"""The table's property that names the log."""
_MOST_PARTITIONS = 4096


def owner_text(cluster: str, topic_id: str) -> str:
    """A log as the table names it.

    >>> owner_text("c", "t")
    '{"cluster": "c", "topic": "t"}'
    """
    return json.dumps({"cluster": cluster, "topic": topic_id})


def hold(table: "DeltaTable", uri: str, cluster: str, topic_id: str) -> None:
    """Take a table of nobody; raises AwayError where it belongs to another log: no frame is to blame for that."""
    owner = table.metadata().configuration.get(PROPERTY)
    mine = owner_text(cluster, topic_id)
    if owner is None:
        table.alter.set_table_properties({PROPERTY: mine}, raise_if_not_exists=False)
        table.update_incremental()
    elif owner != mine:
        raise AwayError(
            f"outcome_archive stops: the archive at {uri} has rows of another Kafka log ({owner}, this is {mine}), "
            "whose offsets mean nothing here; see the way on with `driftloop recover outcome_archive` (it changes "
            "nothing without --yes)",
            ExitCode.STATE_MISMATCH,
        )


@dataclass(frozen=True, slots=True)
class Adoption:
    """What takes a table over for a log: `shift` is taken off every row's frame offset, so that old rows stay before
    new ones; each partition begins anew."""

    uri: str
    owner: str
    shift: int
    words: str
    storage_options: Mapping[str, str] | None = None

    def apply(self) -> None:
        """Do it. Done again after a crash in between, it goes on where it was."""
        from deltalake import CommitProperties, Transaction

        table = _open(self.uri, self.storage_options)
        assert table is not None
        numbers = [n for n in range(_MOST_PARTITIONS) if table.transaction_version(app_id(n))]
        begin = CommitProperties(app_transactions=[Transaction(app_id(number), 0) for number in numbers])
        table.update(updates={"frame_offset": f"frame_offset - {self.shift}"}, commit_properties=begin)
        table.update_incremental()
        table.alter.set_table_properties({PROPERTY: self.owner}, raise_if_not_exists=False)


def adoption_of(
    uri: str, cluster: str, topic_id: str, storage_options: Mapping[str, str] | None = None
) -> Adoption | None:
    """What would take the table over for a log; None where there is no table, or it is this log's already."""
    table = _open(uri, storage_options)
    if table is None:
        return None
    owner, mine = table.metadata().configuration.get(PROPERTY), owner_text(cluster, topic_id)
    if owner in (None, mine):
        return None
    highest = pa.table(table.get_add_actions(flatten=True)).column("max.frame_offset").to_pylist()
    shift = max((offset for offset in highest if offset is not None), default=-1) + 1
    words = (
        f"{uri} is taken over from {owner}: its rows stay, their frame offsets are lowered by {max(0, shift):,} so "
        "that they come before all new ones, and every partition is archived from its beginning"
    )
    return Adoption(uri, mine, max(0, shift), words, storage_options)


def _open(uri: str, storage_options: Mapping[str, str] | None) -> "DeltaTable | None":
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    try:
        return DeltaTable(uri, storage_options=dict(storage_options) if storage_options else None)
    except TableNotFoundError:
        return None
