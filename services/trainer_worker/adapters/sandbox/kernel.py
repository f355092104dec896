"""Keeps this process, and all that it starts, from files and from the network, for good (Linux, without privileges).

    python kernel.py RULES COMMAND...        RULES: `Rules` as JSON

Files by Landlock (Linux 5.13), the network by a seccomp filter: it refuses every new socket, whatever the protocol,
where Landlock knows TCP alone. Both hold from the call on for the calling thread and for what it starts, and cannot be
taken back. Why no import but of the standard library: it is run as a program too, in front of a command.

References: https://docs.kernel.org/userspace-api/landlock.html, https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import ctypes
import errno
import json
import os
import platform
import stat
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

FILES, NETWORK = "files", "network"
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _BENEATH, _VERSION = 444, 445, 446, 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR = (1 << bit for bit in range(5))
_MAKE_CHAR, _MAKE_BLOCK, _TRUNCATE, _IOCTL = 1 << 6, 1 << 11, 1 << 14, 1 << 15
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Rights that a version of Landlock knows: that many, from the lowest bit on; 16 since version 5."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_SCOPED_SINCE, _SCOPES = 6, 0b11
"""Abstract Unix sockets, and signals to processes outside."""
_MACHINES = {"x86_64": (0xC000003E, 41, 317), "aarch64": (0xC00000B7, 198, 277)}
"""Its name in a filter, and the numbers of the calls socket and seccomp."""
_IO_URING_SETUP, _X32, _AF_UNIX = 425, 0x40000000, 1
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_CAPABILITIES_3, _OF_ROOT_KEPT = 0x20080522, 0b11111
"""Of root's capabilities those stay that are about owners of files (chown to fsetid)."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06


@dataclass(frozen=True)
class Rules:
    """What stays allowed. Paths that are not there are left out."""

    keep_from: tuple[str, ...] = (FILES, NETWORK)
    """What is enforced: `files`, `network`."""
    reads: tuple[str, ...] = ()
    """Files and folders that may be read, and run."""
    writes: tuple[str, ...] = ()
    """Folders in which anything may be done, and devices."""
    tidies: tuple[str, ...] = ()
    """Folders in which empty folders may be removed."""
    lists: tuple[str, ...] = ()
    """Folders in which names may be seen, and nothing more."""
    sockets: Literal["none", "unix"] = "none"
    """With `network`: which sockets may be opened all the same; `unix`: those of this machine."""
    is_required: bool = True
    """Whether what cannot be enforced is an error."""


def why_not() -> dict[str, str]:
    """What this kernel cannot enforce (`files`, `network`), and why; empty where it can enforce all."""
    if not sys.platform.startswith("linux"):
        return dict.fromkeys((FILES, NETWORK), f"{sys.platform} has neither Landlock nor seccomp")
    lacking = {}
    if _landlock() < 1:
        lacking[FILES] = (
            f"the kernel gives no Landlock ({os.strerror(ctypes.get_errno())}): Linux 5.13, with `lsm=landlock`"
        )
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        lacking[NETWORK] = f"no filter is known for {platform.machine()}"
    elif _libc().syscall(machine[2], 2, 0, ctypes.byref(ctypes.c_uint32(_REFUSE & 0xFFFF0000))) != 0:
        lacking[NETWORK] = f"the kernel gives no seccomp filters ({os.strerror(ctypes.get_errno())})"
    return lacking


def enforce(rules: Rules) -> dict[str, str]:
    """Keep this thread, and all that it starts, to the rules.

    What the kernel did not take after all (a container may forbid a call that `why_not` does not make), and why, is
    the answer; if the rules are required it raises OSError instead.
    """
    lacking = {}
    for what in rules.keep_from:
        try:
            _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
            _enforce_files(rules) if what == FILES else _enforce_network(allow_unix=rules.sockets == "unix")
        except OSError as error:
            if rules.is_required:
                raise
            lacking[what] = f"the kernel refused a call that this needs ({error.strerror})"
    return lacking


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def _landlock() -> int:
    return int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))


def _enforce_files(rules: Rules) -> None:
    _shed_capabilities()
    version, libc = _landlock(), _libc()
    handled = (1 << _RIGHTS.get(version, 16)) - 1
    scopes = _SCOPES if version >= _SCOPED_SINCE else 0
    attributes = struct.pack("=QQQ", handled, 0, scopes)[: 24 if scopes else 8]
    ruleset = _checked(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    try:
        reads = _EXECUTE | _READ_FILE | _READ_DIR
        for paths, rights in (
            (rules.reads, reads), (rules.writes, handled & ~(_MAKE_CHAR | _MAKE_BLOCK)), (rules.tidies, _REMOVE_DIR),
            (rules.lists, _READ_DIR),
        ):  # fmt: skip
            for path in paths:
                _allow(libc, ruleset, path, rights & handled)
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _shed_capabilities() -> None:
    """Root may look into other processes (their environment, their memory) past Landlock, with a capability."""
    libc = _libc()
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_3, 0), 8)
    held = ctypes.create_string_buffer(24)
    _checked(libc.capget(header, held))
    low = (value & _OF_ROOT_KEPT for value in struct.unpack("=6I", held.raw)[:3])
    _checked(libc.capset(header, ctypes.create_string_buffer(struct.pack("=6I", *low, 0, 0, 0), 24)))


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(there).st_mode):
            rights &= _OF_FILES
        if rights:
            _checked(libc.syscall(_ADD_RULE, ruleset, _BENEATH, struct.pack("=Qi", rights, there), 0))
    finally:
        os.close(there)


def _enforce_network(*, allow_unix: bool) -> None:
    """A filter of ten steps: calls of another machine's numbering are refused as well, as is io_uring, which opens
    sockets without the call."""
    machine, socket_call, _ = _MACHINES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, 7, machine),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 2, socket_call),
        (_LOAD, 0, 0, 16),
        (_EQUAL, 0, 1, _AF_UNIX if allow_unix else 0xFFFFFFFF),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    _checked(_libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0))


def as_command(rules: Rules, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` under the rules."""
    return [sys.executable, "-I", __file__, json.dumps(asdict(rules)), *command]


def main(rules: str, command: Sequence[str]) -> None:
    """Become the command, under the rules."""
    lacking = enforce(Rules(**json.loads(rules)))
    for what, why in lacking.items():
        sys.stderr.write(f"driftloop: this program is not kept from {what}: {why}\n")
    try:
        os.execvp(command[0], list(command))  # noqa: S606  (the trainer's settings name it)
    except OSError as error:
        sys.exit(f"the command {command[0]!r} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
