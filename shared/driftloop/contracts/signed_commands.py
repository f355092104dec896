"""Signatures of commands: `requested_by` is then a proof, and not a claim.

A console signs what it sends with a key of its own (Ed25519); a model's spec names the public keys whose
signatures are asked for (`permissions.signed_by`). The signature is a compact JWS over the fields that say
what is asked for, of which model and by whom, so that it is good for that one command only.
"""

from collections.abc import Iterable

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

from driftloop.contracts.model_commands import ModelCommand

ALGORITHM = "EdDSA"
_SIGNED = (
    "message_id",
    "model_id",
    "command",
    "version",
    "artifact",
    "artifact_sha256",
    "full",
    "reason",
    "requested_by",
)
_SIGNED_WHERE_GIVEN = ("seen_champion", "about")
"""Said of newer commands only: an older coordinator accepts the signature of one that does not say them."""


def signed(command: ModelCommand, private_key: str) -> ModelCommand:
    """The command with its signature; `private_key` is an Ed25519 key in PEM. Raises ValueError where it is none."""
    try:
        token = jwt.encode(_claims(command), private_key, algorithm=ALGORITHM)
    except (jwt.PyJWTError, TypeError) as error:
        raise ValueError(f"the signing key is no Ed25519 key in PEM: {error}") from error
    return command.model_copy(update={"signature": token})


def is_signed(command: ModelCommand, public_keys: Iterable[str]) -> bool:
    """Whether one of these keys (base64url, as `public_key` gives it) has signed exactly this command."""
    return command.signature is not None and any(_says(command, key) for key in public_keys)


def drawn_key() -> str:
    """A new private key in PEM."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_key(private_key: str) -> str:
    """The public half of a private key in PEM, as a spec names it. Raises ValueError."""
    try:
        made = OKPAlgorithm().prepare_key(private_key)
        return str(OKPAlgorithm.to_jwk(made.public_key(), as_dict=True)["x"])  # type: ignore[union-attr]
    except (jwt.PyJWTError, TypeError, AttributeError) as error:
        raise ValueError(f"the signing key is no Ed25519 key in PEM: {error}") from error


def _claims(command: ModelCommand) -> dict[str, object]:
    given = {name for name in _SIGNED_WHERE_GIVEN if getattr(command, name) is not None}
    return command.model_dump(mode="json", include={*_SIGNED, *given})


def _says(command: ModelCommand, key: str) -> bool:
    try:
        made = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": key, "alg": ALGORITHM})
        claims = jwt.decode(command.signature or "", made, algorithms=[ALGORITHM], options={"verify_exp": False})
    except (jwt.PyJWTError, ValueError):
        return False
    return bool(claims == _claims(command))
