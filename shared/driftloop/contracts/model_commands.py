"""`model-commands`: a person's or an API's wish."""

from typing import Literal

from pydantic import Field

from driftloop.contracts.message import ControlMessage, Version


class ModelCommand(ControlMessage):
    """What somebody asks for. The coordinator answers every one with a decision.

    `version` names what to promote or to veto; for `roll_back` it may stay empty (the predecessor).
    `report` asks for nothing: it tells `readings` (`cpu_percent`, `memory_percent`, `free_disk_gb`)
    that quiet periods and the disk safeguard go by, so that they too stand on the log. `register`
    brings in a version that was made elsewhere (`artifact`, `artifact_sha256`): it serves at once where
    there is no champion, and else it is a challenger. `deprecate` takes an archived or rejected version
    out of service for good, so that its artifact may be removed.

    Whoever asks may say what they have seen, so that a command that comes second does not act on something else:
    with `seen_champion` it is refused where another version serves by now. `about` says which of the two `approve`
    and `veto` mean where no version is named: a version, or a run. `cancel` with a version is of that one's run alone.
    """

    command: Literal[
        "retrain",
        "promote",
        "roll_back",
        "freeze",
        "unfreeze",
        "approve",
        "veto",
        "cancel",
        "report",
        "register",
        "deprecate",
    ]
    version: Version | None = None
    artifact: str | None = None
    artifact_sha256: str | None = None
    full: bool = True
    readings: dict[str, float] = Field(default_factory=dict)
    reason: str = Field(min_length=1, max_length=2000)
    requested_by: str = Field(min_length=1, max_length=200)
    seen_champion: Version | None = None
    about: Literal["version", "run"] | None = None
    signature: str | None = Field(default=None, max_length=10_000)
    """A JWS of what is asked for, by whoever has checked who asks: see `driftloop.contracts.signed_commands`."""
