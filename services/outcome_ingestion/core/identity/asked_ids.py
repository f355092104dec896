"""Ids that an index was asked about and found to be new, so that taking them in hashes and looks for none again."""

import pyarrow as pa

from outcome_ingestion.core.identity.id_kernel import Hashes


class AskedIds:
    """A column of ids that all differ and are not known, with their hashes.

    It holds until ids come that are no piece of the column behind those that came.
    """

    def __init__(self) -> None:
        self._ids: pa.StringArray | None = None
        self._hashes: Hashes | None = None
        self._taken = 0

    def remember(self, ids: pa.StringArray, hashes: Hashes) -> None:
        """These are new."""
        self._ids, self._hashes, self._taken = ids, hashes, 0

    def take(self, ids: pa.StringArray) -> Hashes | None:
        """The hashes of ids that are taken in now; None where they were not asked about, or may be known since."""
        asked, hashes = self._ids, self._hashes
        if asked is None or hashes is None:
            return None
        start = ids.offset - asked.offset
        end = start + len(ids)
        if not self._taken <= start <= end <= len(hashes) or not _same_memory(asked, ids):
            self._ids = self._hashes = None
            return None
        self._taken = end
        if end == len(hashes):
            self._ids = self._hashes = None
        return hashes[start:end]


def _same_memory(one: pa.StringArray, other: pa.StringArray) -> bool:
    """Whether both are pieces of one column, which neither lets go of."""
    pairs = zip(one.buffers()[1:], other.buffers()[1:], strict=True)
    return all(mine is not None and its is not None and mine.address == its.address for mine, its in pairs)
