"""The nursery: a process that has the heavy imports done and forks a child for each run.

    python -m trainer_worker.adapters.nursery FD

Why not train in a thread or start Python anew: a learner may hang, eat memory or crash, and must
take nothing with it; and importing scikit-learn, Delta or torch takes seconds, forking milliseconds.
The nursery itself only imports and forks (no thread, no data), so that a fork of it is clean.

Its master speaks JSON over the socket FD: {"child", "learner", "memory_limit_mb"} with the child's own
socket as a passed descriptor, {"kill": child}, or {"warm": learner}; a child is named by a number that its
master never gives again. The nursery says {"fork": child} before it forks, and {"gone": child, "code"} after
the end (a signal's number negative). When the master's end closes, for whatever reason, the nursery kills
its children and goes.
"""

import array
import contextlib
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

ALWAYS = (
    "pydantic",
    "pyarrow",
    "deltalake",
    "driftloop.archive.reading",
    "safetensors.numpy",
    "trainer_worker.adapters.child",
    "trainer_worker.adapters.train",
)
"""What every child needs: whatever is missing here is imported anew in each of them."""
WARM = {
    "torch-mlp": ("driftloop.learners.torch_training", "torch._dynamo"),  # the optimizer imports it on first use
    "online-net": ("driftloop.learners.online_training", "torch._dynamo"),
    "tft": ("driftloop.learners.tft_training", "torch._dynamo"),
    "lora-text": ("driftloop.learners.text.training", "torch._dynamo"),
    "random-forest": ("sklearn.ensemble",),
    "gradient-boosting": ("sklearn.ensemble",),
    "linear": ("sklearn.linear_model",),
    "online": ("river.linear_model", "river.optim"),
}
_LARGEST_MESSAGE = 65_536


def as_line(message: Mapping[str, Any]) -> bytes:
    """A message as it goes over the wires: one line of JSON."""
    return json.dumps(message).encode() + b"\n"


class Nursery:
    """Forks, kills and buries."""

    def __init__(self, master: socket.socket) -> None:
        self._master = master
        self._children: dict[int, int] = {}
        self._scratch: dict[int, str] = {}
        self._received = b""
        self._descriptors: list[int] = []

    def live(self) -> None:
        """Serve until the master is gone."""
        selector = selectors.DefaultSelector()
        bell = _child_bell()
        selector.register(self._master, selectors.EVENT_READ)
        selector.register(bell, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if bell in ready:
                with contextlib.suppress(BlockingIOError):
                    bell.recv(4096)
                self._bury()
            if self._master in ready and not self._listen():
                return

    def end(self) -> None:
        """Kill every child and wait for it."""
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._children):
            os.waitpid(pid, 0)
            self._clear(pid)

    def _listen(self) -> bool:
        """What the master has said; False when there is no master any more."""
        received, descriptors = _receive(self._master)
        self._received += received
        self._descriptors += descriptors
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(received)

    def _obey(self, message: dict[str, Any]) -> None:
        if "kill" in message:
            for pid, child in self._children.items():
                if child == message["kill"]:
                    os.kill(pid, signal.SIGKILL)
        elif "warm" in message:
            _import(WARM.get(message["warm"], ()))
        else:
            self._fork(message, self._descriptors.pop(0))

    def _fork(self, message: dict[str, Any], descriptor: int) -> None:
        _import(WARM.get(message["learner"], ()))
        nursery = os.getpid()
        self._tell({"fork": message["child"]})
        scratch = _scratch()
        pid = os.fork()
        if pid:
            os.close(descriptor)
            self._scratch[pid] = scratch
            self._children[pid] = message["child"]
            return
        self._master.close()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        from trainer_worker.adapters.child import main

        main(socket.socket(fileno=descriptor), nursery, message["memory_limit_mb"], scratch)

    def _bury(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            gone = {"gone": self._children.pop(pid), "code": code}
            self._clear(pid)
            self._tell(gone)

    def _clear(self, pid: int) -> None:
        """Remove what a child kept for a while."""
        if scratch := self._scratch.pop(pid, ""):
            shutil.rmtree(scratch, ignore_errors=True)

    def _tell(self, message: dict[str, int]) -> None:
        with contextlib.suppress(OSError):  # the master is gone: so are we, at the next message
            self._master.sendall(as_line(message))


def _scratch() -> str:
    """A folder for what a child keeps for a while; empty where there is no room for one, which its run then tells."""
    try:
        return tempfile.mkdtemp(prefix="driftloop-run-")
    except OSError:
        return ""


def _child_bell() -> socket.socket:
    """A socket that becomes readable when a child has ended."""
    bell, rope = socket.socketpair()
    bell.settimeout(0)
    rope.settimeout(0)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(rope.detach())
    return bell


def _receive(master: socket.socket) -> tuple[bytes, list[int]]:
    """Some bytes and the descriptors that came with them."""
    descriptors = array.array("i")
    try:
        received, ancillary, _, _ = master.recvmsg(_LARGEST_MESSAGE, socket.CMSG_LEN(descriptors.itemsize))
    except ConnectionError:
        return b"", []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return received, descriptors.tolist()


def _gone(master: socket.socket) -> bool:
    """Whether the other end was closed; what it has sent stays where it is."""
    try:
        return not master.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _import(modules: tuple[str, ...]) -> None:
    """Import what is there; what is not is reported by the run that needs it."""
    for module in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def main(descriptor: int) -> None:
    """The process: ignores what a terminal sends to the group (its master decides) and serves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    master = socket.socket(fileno=descriptor)
    for module in ALWAYS:
        if _gone(master):  # killed while we import: on a busy machine that takes long
            return
        _import((module,))
    nursery = Nursery(master)
    try:
        nursery.live()
    finally:
        nursery.end()


if __name__ == "__main__":
    main(int(sys.argv[1]))
