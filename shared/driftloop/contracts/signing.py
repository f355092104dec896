"""Signatures of files and messages, by an Ed25519 key from a file.

The key is in PEM, as `driftloop tokens signing-key` draws it; the public half is the base64url text that the same
command shows. The same bytes and key always give the same signature, so a redo writes the same message.
"""

import base64
import binascii
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from driftloop.errors import ExitCode, UserError

_WIDTH = 32
"""Bytes of a public key."""


class SigningKey:
    """The private half. Raises ValueError for text that is no Ed25519 key in PEM."""

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"the signing key is no Ed25519 key in PEM: {error}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the signing key is no Ed25519 key in PEM: it is of another kind")  # noqa: TRY004
        self._key = key

    @property
    def public(self) -> str:
        """The public half, base64url without padding."""
        return _text(self._key.public_key().public_bytes_raw())

    def sign(self, content: bytes) -> str:
        """The signature of these bytes, base64url without padding."""
        return _text(self._key.sign(content))


def key_in(pem: str) -> SigningKey:
    """The key in the text of a file; raises UserError where it is none."""
    try:
        return SigningKey(pem)
    except ValueError as error:
        raise UserError(f"{error}: `driftloop tokens signing-key FILE` makes one.", ExitCode.USAGE) from error


def is_signed_by(public_keys: Iterable[str], content: bytes, signature: str | None) -> bool:
    """Whether one of the keys has signed exactly these bytes. A key or signature that is none signs nothing.

    >>> is_signed_by(["AAAA"], b"content", "AAAA")
    False
    """
    return signature is not None and any(_says(key, content, signature) for key in public_keys)


def checked_public_key(text: str) -> str:
    """The text, if it is a public key; raises ValueError."""
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(text))
    except (ValueError, UnsupportedAlgorithm) as error:
        shown = f"{text[:60]!r} is no public key of {_WIDTH} bytes in base64url"
        raise ValueError(f"{shown}: `driftloop tokens signing-key` shows one") from error
    return text


def _says(key: str, content: bytes, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(key)).verify(_bytes(signature), content)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from error
