"""Who a token belongs to: the file of tokens, or an OpenID Connect issuer."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import jwt

from driftloop.errors import ExitCode, UserError
from driftloop.spec.yaml_text import read_file
from operations_console.core.access import Principal, Role, TokenEntry, TokenFile, principal_of

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_ROLES: tuple[Role, ...] = ("approver", "operator", "viewer")


class Identity(Protocol):
    """Knows whose a token is. Called from threads."""

    def principal(self, token: str, now: datetime) -> Principal | None:
        """Whose it is; None where it is nobody's or out of date."""
        ...


class FileTokens:
    """Tokens in a file, read anew whenever it changes: one that is taken out is good for nothing at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._entries: tuple[TokenEntry, ...] = ()
        self._current()

    def principal(self, token: str, now: datetime) -> Principal | None:
        """Whose token it is."""
        return principal_of(token, self._current(), now)

    def _current(self) -> tuple[TokenEntry, ...]:
        with self._lock:
            stat = self._path.stat() if self._path.is_file() else None
            stamp = (stat.st_mtime_ns, stat.st_size) if stat else None
            if stamp != self._stamp or stamp is None:
                self._entries, self._stamp = read_tokens(self._path).tokens, stamp
            return self._entries


def read_tokens(path: Path) -> TokenFile:
    """The tokens in a file. Raises UserError where it is not there or is none."""
    try:
        return read_file(path, TokenFile, "the file", empty=True, wrong="is no file of tokens")
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there: make it with `driftloop tokens create`.", ExitCode.NOT_FOUND) from error


class OpenIdConnect:
    """Checks JSON Web Tokens against the keys of an issuer; groups in `claim` lead to roles."""

    def __init__(self, issuer: str, audience: str, jwks_url: str, claim: str, roles: Mapping[str, Role]) -> None:
        self._issuer, self._audience, self._claim, self._roles = issuer, audience, claim, roles
        self._keys = jwt.PyJWKClient(jwks_url, cache_keys=True, timeout=5)

    def principal(self, token: str, now: datetime) -> Principal | None:
        """Whose token it is; None where signature, issuer, audience or time are wrong, or no group has a role."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(
                token, key.key, algorithms=_ALGORITHMS, audience=self._audience, issuer=self._issuer,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError:
            return None
        role = self._role(claims)
        expires = datetime.fromtimestamp(float(claims["exp"]), UTC)
        if role is None or now >= expires:
            return None
        name = str(claims.get("email") or claims.get("preferred_username") or claims["sub"])[:200]
        return Principal(name, role, means="oidc", expires_at=expires)

    def _role(self, claims: Mapping[str, Any]) -> Role | None:
        groups = claims.get(self._claim, [])
        mine = {self._roles.get(str(group)) for group in ([groups] if isinstance(groups, str) else groups)}
        return next((role for role in _ROLES if role in mine), None)


class Several:
    """The first that knows the token."""

    def __init__(self, identities: tuple[Identity, ...]) -> None:
        self._identities = identities

    def principal(self, token: str, now: datetime) -> Principal | None:
        """Whose it is."""
        return next((found for one in self._identities if (found := one.principal(token, now)) is not None), None)
