"""Signatures of artifacts: who may make a version is then a matter of a key, and not of who can write to the store.

    <artifact>/manifest.sig      Ed25519 over the manifest, which vouches for every file

The manifest names the model and the version, and the address has to name the same, so that the signature of one
version is worth nothing under the address of another.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftloop.artifacts.manifest import Manifest

if TYPE_CHECKING:
    from driftloop.contracts.signing import SigningKey

SIGNATURE = "manifest.sig"
_WHAT = b"driftloop artifact\n"
"""Goes before the manifest, so that no signature of another kind is one of an artifact."""


def signature_of(manifest: bytes, key: "SigningKey") -> bytes:
    """The content of `manifest.sig`."""
    return (key.sign(_WHAT + manifest) + "\n").encode()


def fault_of(uri: str, manifest: Manifest, content: bytes, signature: bytes | None, keys: Sequence[str]) -> str | None:
    """Why an artifact may not be used where one of the public `keys` must have signed it; None where it may."""
    from driftloop.contracts.signing import is_signed_by

    if signature is None:
        return "it is not signed, and only signed artifacts are used here"
    if not is_signed_by(keys, _WHAT + content, signature.decode("ascii", "replace").strip()):
        return "none of the trusted keys has signed it, or it was changed since"
    named = f"{manifest.model_id}/{manifest.version}"
    if not uri.rstrip("/").endswith(f"/{named}"):
        return f"it was signed as {named}, and lies under another address"
    return None
