"""Which versions learnt from rows that were erased since, themselves or by the version that they go on from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftloop.archive.erasing import Erasure, erasures
from driftloop.errors import UserError
from driftloop.tools.registry.lineage import Lineage, lineage
from driftloop.tools.registry.view import RegistryView

_MOST_BASES = 1_000


@dataclass(frozen=True, slots=True)
class ErasedSince:
    """Rows of one erasure that a version learnt from."""

    version: str
    rows: int
    at: datetime
    itself: bool
    """False: a version that this one goes on from learnt from them."""

    @property
    def words(self) -> str:
        """For a person."""
        who = "learnt from rows" if self.itself else f"goes on from {self.version}, which learnt from rows"
        return f"{who} that were erased since: {self.rows:,} on {self.at:%Y-%m-%d}"


def erased_since(view: RegistryView, story: Lineage, archive_uri: str) -> list[ErasedSince]:
    """Of a version and of all that it goes on from; empty where there is no archive to ask."""
    try:
        known = erasures(archive_uri, story.version.model_id)
    except UserError:
        return []
    return since_erased(view, story, known)


def since_erased(view: RegistryView, story: Lineage, known: Sequence[Erasure]) -> list[ErasedSince]:
    """The same of erasures of the version's model that are known already."""
    found: list[ErasedSince] = []
    one: Lineage | None = story
    for _ in range(_MOST_BASES):
        if one is None or not known:
            break
        if one.data is not None:
            told = [(erasure.rows_of(one.data), erasure.at) for erasure in known if not _was_done_before(erasure, one)]
            found += [ErasedSince(one.version.version, rows, at, one is story) for rows, at in told if rows]
        base = one.request.base_version if one.request is not None and one.request.mode == "incremental" else None
        one = None if base is None else lineage(view, story.version.model_id, base)
    return found


def why_different(differences: Sequence[str], erased: Sequence[ErasedSince]) -> list[str]:
    """Why a version did not come out the same: erasures first, since they explain what the rest only notices.

    >>> why_different(["the rows are others than they were"], [ErasedSince("1.0.1", 2, datetime(2026, 3, 1), True)])
    ['it learnt from rows that were erased since: 2 on 2026-03-01', 'the rows are others than they were']
    """
    return [*(f"it {one.words}" for one in erased), *differences]


def _was_done_before(erasure: Erasure, story: Lineage) -> bool:
    """Whether the version was asked for after the rows had gone: it cannot have learnt from them."""
    return erasure.done is not None and story.request is not None and story.request.occurred_at > erasure.done
