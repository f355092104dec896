"""`archive-erasures`: which rows of a model were erased from the archive, for whoever has no access to it."""

from pydantic import AwareDatetime, Field

from driftloop.contracts.message import ControlMessage, Version


class RowsErased(ControlMessage):
    """Rows of a model left the archive at `occurred_at`; `began_at` is when the command began.

    It says nothing of a person: no id, no value, no segment. `erasure` is made of the frames that the rows were of:
    the same rows that came back and were erased again have it again, and the newest message counts. Without
    `began_at` nobody saw the erasure to its end. `versions` learnt from the rows, or go on from one that did.
    """

    erasure: str = Field(pattern=r"^[0-9a-f]{16}$")
    rows: int = Field(ge=1)
    began_at: AwareDatetime | None = None
    versions: tuple[Version, ...] = ()
