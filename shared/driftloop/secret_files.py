"""Secrets that lie in files: passwords, tokens, keys.

A file that says nothing is refused wherever one is named: an empty password or token would be sent as if somebody had
meant it, and an empty key would sign nothing. What the file says is never part of an error.
"""

from pathlib import Path

from driftloop.errors import ExitCode, UserError

_LARGEST = 1 << 20


class SecretFileError(OSError, ValueError):
    """A file of a secret that cannot be used; the sentence says why, and nothing of what is in it."""


def secret_in(path: str | Path) -> str:
    """The secret in a file, without the white space around it (editors end a file with a line's end).

    Raises `SecretFileError`, with a sentence, where the file cannot be read, is empty, holds nothing but white space,
    is no text in UTF-8, or has more than one line where the secret is not a key in PEM.
    """
    try:
        with Path(path).open("rb") as file:
            held = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise SecretFileError(f"the file {path}, which holds a secret, cannot be read: {why}") from error
    if len(held) > _LARGEST:
        raise SecretFileError(f"the file {path} is too large to hold a secret")
    try:
        text = held.decode("utf-8").removeprefix("\ufeff").strip()
    except UnicodeDecodeError:
        raise SecretFileError(f"the file {path}, which holds a secret, is no text in UTF-8") from None
    if not text:
        raise SecretFileError(f"the file {path} is empty, and a secret is wanted there")
    if not text.startswith("-----BEGIN ") and not text.isprintable():
        raise SecretFileError(f"the file {path} holds more than one line, or control characters: a secret is one line")
    return text


def header_secret_in(path: str | Path) -> str:
    """The same where it is sent in a header of HTTP: one line of ASCII.

    Else the HTTP library refuses it, with the secret in its error. Raises `SecretFileError`.
    """
    text = secret_in(path)
    if not text.isprintable():
        raise SecretFileError(f"the file {path} holds a key in PEM, and a secret of one line is wanted there")
    if not text.isascii():
        raise SecretFileError(f"the file {path} holds characters that no header of HTTP can carry: ASCII is wanted")
    return text


def secret_at_start(path: str | Path) -> str:
    """The same, where a process begins with it; raises UserError."""
    try:
        return secret_in(path)
    except SecretFileError as error:
        raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.", ExitCode.USAGE) from error
