"""`model-checkpoints`: what a service knew of a model as of a frame, chained by hashes.

`driftloop verify` starts at one where the frames before it are gone. Each holds the hash of the one before, so that
none can be changed, left out or put in between; a signature vouches for the newest.
"""

import base64
import hashlib
import zlib
from typing import Literal

from pydantic import Field

from driftloop.contracts.message import ControlMessage, FramePosition

Keeper = Literal["drift_detection", "retrain_coordinator"]

LARGEST_STATE = 11 * 1024 * 1024
"""Bytes of a packed state; more does not fit into a record once it is text. No checkpoint is written then."""


class ModelCheckpoint(ControlMessage):
    """The state of one service about one model, right after a frame was taken in.

    `number` counts the checkpoints of a model and service from 1; `previous_sha256` is the hash of the one before
    (`sha256_of`). `inputs` says up to which offset other records have taken effect, by topic. `state` is JSON, packed
    by zlib, in base64; `state_sha256` is of the JSON, `spec_sha256` of the spec in it without what is left at its
    default. `layout` is that of the service's state: what a release of another layout makes again may differ.
    """

    service: Keeper
    number: int = Field(ge=1)
    position: FramePosition
    inputs: dict[str, int] = Field(default_factory=dict)
    layout: int = Field(ge=0)
    spec_version: int = Field(ge=1)
    spec_sha256: str
    state_sha256: str
    previous_sha256: str | None = None
    state: str
    signature: str | None = None
    """Ed25519 over `signed_bytes`, base64url; None where the service has no key."""

    @property
    def signed_bytes(self) -> bytes:
        """What hash and signature are of: the message without its signature."""
        return self.model_copy(update={"signature": None}).to_json()

    @property
    def sha256(self) -> str:
        """The hash that the next checkpoint names."""
        return hashlib.sha256(self.signed_bytes).hexdigest()

    def unpacked(self) -> bytes:
        """The state's JSON; raises ValueError where it is not what `state_sha256` says."""
        try:
            content = zlib.decompress(base64.b64decode(self.state, validate=True))
        except (ValueError, zlib.error) as error:
            raise ValueError(f"its state cannot be read: {error}") from error
        found = hashlib.sha256(content).hexdigest()
        if found != self.state_sha256:
            raise ValueError(f"its state has SHA-256 {found}, and it says {self.state_sha256}")
        return content


def packed(content: bytes) -> str:
    """State as a checkpoint holds it.

    >>> zlib.decompress(base64.b64decode(packed(b"{}")))
    b'{}'
    """
    return base64.b64encode(zlib.compress(content, 6)).decode()


def digest(content: bytes) -> str:
    """SHA-256 as hexadecimal text."""
    return hashlib.sha256(content).hexdigest()
