"""Who we are at the servers of models: tokens, keys and certificates, by the server's address, from files.

`DRIFTLOOP_MODEL_SERVERS` names a file in YAML, an entry a server: scheme, host and port, as in its versions' addresses.

    https://models.example:8443:
      token_file: /run/secrets/models.token        # sent as Bearer
      ca_file: /run/secrets/models-ca.pem          # trusted for this server alone
    https://other.example:
      header: X-Api-Key                            # sent with what header_file says
      header_file: /run/secrets/other.key
      certificate_file: /run/secrets/client.pem    # mutual TLS
      certificate_key_file: /run/secrets/client.key

Why not in the artifact, beside the address: whoever may read a version could then speak in our name. All files are read
anew for each call, so that a secret is exchanged without a restart.
"""

import os
import re
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from yaml import MarkedYAMLError, YAMLError

from driftloop.secret_files import header_secret_in
from driftloop.spec.yaml_text import read_yaml

FILE = "DRIFTLOOP_MODEL_SERVERS"
_PORTS = {"http": 80, "https": 443}


class ServerAccess(BaseModel):
    """Who we are at a server, and whom we trust there. Nothing of it: nobody, and whom the system trusts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token_file: Path | None = None
    header: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$")
    header_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    certificate_key_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.header is None) != (self.header_file is None):
            raise ValueError("header and header_file belong together")
        if self.token_file is not None and (self.header or "").lower() == "authorization":
            raise ValueError("a token_file is the header Authorization already")
        if self.certificate_key_file is not None and self.certificate_file is None:
            raise ValueError("a certificate_key_file needs a certificate_file")
        return self

    def headers(self) -> dict[str, str]:
        """What to send with a call. Raises `SecretFileError`."""
        sent = {} if self.token_file is None else {"Authorization": f"Bearer {header_secret_in(self.token_file)}"}
        if self.header is not None and self.header_file is not None:
            sent[self.header] = header_secret_in(self.header_file)
        return sent

    def tls(self) -> ssl.SSLContext | None:
        """How to speak TLS; None: as usual. Raises OSError or ValueError, with a sentence."""
        files = (self.ca_file, self.certificate_file, self.certificate_key_file)
        if not any(files):
            return None
        try:
            return _context(*files, tuple(file and file.stat().st_mtime_ns for file in files))
        except (OSError, ValueError) as error:  # an SSLError is an OSError; it names no file
            names = ", ".join(str(file) for file in files if file)
            why = getattr(error, "strerror", None) or error
            raise ValueError(f"its certificates cannot be used ({names}): {why}") from error

    def files(self) -> list[str]:
        """The files that are read."""
        return [str(value) for name in type(self).model_fields if isinstance(value := getattr(self, name), Path)]


_NOBODY = ServerAccess()
_ENTRIES = TypeAdapter(dict[str, ServerAccess])


def access_to(url: str) -> ServerAccess:
    """Who we are at the server of an address. Raises ValueError, with a sentence, where the file cannot be used."""
    return _entries().get(server_of(url), _NOBODY)


def files_of_access() -> list[str]:
    """The files that calls may read: the one that the environment names, and those that it names in turn."""
    named = os.environ.get(FILE)
    try:
        return [named, *(file for entry in _entries().values() for file in entry.files())] if named else []
    except ValueError:
        return [named] if named else []


def server_of(url: str) -> str:
    """Scheme, host and port.

    >>> server_of("https://Models.example/v2"), server_of("http://[::1]:80")
    ('https://models.example:443', 'http://::1:80')
    """
    split = urlsplit(url)
    return f"{split.scheme}://{split.hostname or ''}:{split.port or _PORTS.get(split.scheme, 0)}"


def _entries() -> dict[str, ServerAccess]:
    named = os.environ.get(FILE)
    if not named:
        return {}
    try:
        listed = _ENTRIES.validate_python(read_yaml(Path(named).read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = " › ".join(_without_user(str(one)) for one in first["loc"])
        raise ValueError(f"{named} ({FILE}) cannot be used: {where}: {first['msg']}") from None
    except (OSError, ValueError, YAMLError) as error:
        raise ValueError(f"{named} ({FILE}) cannot be used: {_why(error)}") from None
    if odd := [url for url in listed if not _is_server(url)]:
        raise ValueError(f"{named} ({FILE}) cannot be used: {_without_user(odd[0])} is no https://host:port")
    return {server_of(url): entry for url, entry in listed.items()}


def _is_server(url: str) -> bool:
    try:
        return server_of(url).startswith(("http://", "https://")) and not urlsplit(url).path.strip("/")
    except ValueError:  # its port
        return False


def _without_user(url: str) -> str:
    """An address as errors show it: people write passwords into it."""
    return re.sub(r"//.*@", "//", url)


def _why(error: Exception) -> str:
    """What is wrong with a file, and where, but nothing of what it says: it may be a secret that was named here."""
    if isinstance(error, MarkedYAMLError):
        line = "" if error.problem_mark is None else f" in line {error.problem_mark.line + 1}"
        return f"it is not YAML{line}"
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return str(getattr(error, "strerror", None) or error)


@lru_cache(maxsize=16)
def _context(
    ca_file: Path | None, certificate: Path | None, key: Path | None, _written: tuple[int | None, ...]
) -> ssl.SSLContext:
    """A context a state of its files."""
    context = ssl.create_default_context(cafile=ca_file)
    if certificate is not None:
        context.load_cert_chain(certificate, key, password="")  # an encrypted key would ask on a terminal
    return context
