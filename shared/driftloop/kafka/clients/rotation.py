"""Passwords that change in their file: the clients of a process take the new one without a restart.

librdkafka uses what it was told last whenever it connects, or is asked to prove itself again; a connection that
stands is not cut. Tokens (OAUTHBEARER) and certificates are read by librdkafka itself, at its start only.
"""

import logging
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from driftloop.kafka.settings import KafkaSettings
from driftloop.secret_files import SecretFileError, secret_in

_EVERY_SECONDS = 5.0
_LOG = logging.getLogger("driftloop.kafka.client.passwords")
"""Below the client library's log: a command whose output is JSON says nothing of it."""


def current_password(kafka: KafkaSettings) -> str:
    """What the password file says now; what the settings took from it at the start where it cannot be used.

    Clients are made at any time (each restore makes one), by settings that were read when the process began.

    >>> current_password(KafkaSettings(sasl_password="s3cret"))
    's3cret'
    """
    held = kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
    if kafka.sasl_password_file is None:
        return held
    try:
        return secret_in(kafka.sasl_password_file)
    except SecretFileError:
        return held  # said by `Passwords`, which looks at the file again and again


class Client(Protocol):
    """What can be told another password."""

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Use these from the next connection on."""


C = TypeVar("C", bound=Client)


class Passwords:
    """The living clients of each password file. Thread-safe.

    `kept` hands a client on as it is, so that a builder can end with it; `look` is what the thread does again
    and again, and what a test calls.
    """

    def __init__(self) -> None:
        self._clients: dict[tuple[Path, str], weakref.WeakSet[Any]] = {}
        self._seen: dict[Path, str] = {}
        self._away: set[Path] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def kept(self, kafka: KafkaSettings, client: C) -> C:
        """The same client, which from now on follows its file."""
        file = kafka.sasl_password_file
        if file is None or kafka.sasl_mechanism == "OAUTHBEARER" or not kafka.security_protocol.startswith("SASL"):
            return client
        with self._lock:
            self._clients.setdefault((file, kafka.sasl_username or ""), weakref.WeakSet()).add(client)
            if kafka.sasl_password is not None:
                self._seen.setdefault(file, kafka.sasl_password.get_secret_value())
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="passwords", daemon=True)
                self._thread.start()
        return client

    def look(self) -> None:
        """Tell every client whose file says something new. One that cannot be used changes nothing."""
        for file, clients in self._living().items():
            password = self._read(file)
            if not password or password == self._seen.get(file):
                continue
            for user, client in clients:
                with suppress(RuntimeError):  # closed, and not yet forgotten
                    client.set_sasl_credentials(user, password)
            self._seen[file] = password
            _LOG.warning("a new password was taken from %s for %d clients", file, len(clients))

    def _living(self) -> dict[Path, list[tuple[str, Any]]]:
        """The clients that are still in use, by their file; files that nobody uses any more are forgotten."""
        with self._lock:
            self._clients = {key: clients for key, clients in self._clients.items() if clients}
            found: dict[Path, list[tuple[str, Any]]] = {file: [] for file, _ in self._clients}
            for (file, user), clients in self._clients.items():
                found[file] += [(user, client) for client in clients]
        return found

    def _read(self, file: Path) -> str:
        """What the file says; empty where it cannot be used, which is said once until it can be used again."""
        try:
            password = secret_in(file)
        except SecretFileError as error:
            if file not in self._away:
                _LOG.warning("the old password stays: %s", error)
            self._away.add(file)
            return ""
        self._away.discard(file)
        return password

    def _watch(self) -> None:
        while True:
            time.sleep(_EVERY_SECONDS)
            self.look()


PASSWORDS = Passwords()
"""Those of this process."""
