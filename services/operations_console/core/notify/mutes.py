"""The table of `notification-mutes`: which models are muted, and until when."""

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from driftloop.contracts.notification_mutes import NotificationMute
from driftloop.contracts.reading import read_message
from driftloop.cores.decode_each import LONGEST_REASON, UNREADABLE
from driftloop.cores.record_fields import key_text, value_bytes
from driftloop.processor import KeptOut, Record


class Mutes:
    """The newest mute of each pattern. A row that cannot be read is kept out, and the one before it holds."""

    def __init__(self) -> None:
        self._mutes: dict[str, NotificationMute] = {}

    def take(self, records: Sequence[Record]) -> list[KeptOut]:
        """Take rows in their order; gives what was kept out."""
        return [told for record in records if (told := self._take(record)) is not None]

    def until(self, model_id: str, now: datetime) -> datetime | None:
        """When the last mute of a model ends; None where it is not muted."""
        ends = [one.muted_until for one in self.standing(now) if fnmatchcase(model_id, one.model_id)]
        return max((end for end in ends if end is not None), default=None)

    def standing(self, now: datetime) -> list[NotificationMute]:
        """Mutes that have not ended, the one that ends first before the others."""
        found = [(one.muted_until, key, one) for key, one in self._mutes.items() if one.muted_until is not None]
        return [one for end, _, one in sorted(found, key=lambda each: each[:2]) if end > now]

    def _take(self, record: Record) -> KeptOut | None:
        key, value = key_text(record), value_bytes(record)
        if not value:
            self._mutes.pop(key, None)
            return None
        try:
            mute, unknown = read_message(NotificationMute, value)
        except UNREADABLE as error:
            return KeptOut(record, "unreadable", str(error)[:LONGEST_REASON])
        self._mutes[mute.model_id] = mute
        return KeptOut(record, "unknown_fields", f"left out: {unknown}"[:LONGEST_REASON]) if unknown else None
