"""The network between three brokers and their clients: every listener behind a proxy, and who may speak to whom.

Why by who dials: a broker that is cut off must lose the connections that it opened itself, to the leaders that it
follows and to the controllers, and not only those that come to it. All are on the loopback address, so whose a new
connection is must be asked of the operating system.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

CLIENT = 0
"""Whoever is none of the brokers."""
Cut = Callable[[int, int], bool]
"""Whether a connection from one to another is cut: (who dials, broker)."""
_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST and not FIN."""


def nothing(_: int, __: int) -> bool:
    """No cut."""
    return False


def isolated(node: int) -> Cut:
    """Nobody reaches this broker and it reaches nobody: it lives, and is alone."""
    return lambda source, target: source != target and node in (source, target)


def from_brokers(node: int) -> Cut:
    """It is cut from the other brokers; clients reach it and are told what it still believes."""
    return lambda source, target: source != CLIENT and isolated(node)(source, target)


def from_clients(node: int) -> Cut:
    """Clients do not reach it; the other brokers do, so that it goes on to lead."""
    return lambda source, target: source == CLIENT and target == node


@dataclass(eq=False, slots=True)
class _Link:
    """A connection: who dialled which broker, its writers, and whether it may pass."""

    source: int
    target: int
    writers: tuple[asyncio.StreamWriter, ...]
    open: asyncio.Event = field(default_factory=asyncio.Event)


class Network:
    """Proxies in front of listeners; use as a context manager."""

    def __init__(self) -> None:
        self._cut: Cut = nothing
        self._silent = True
        self._links: set[_Link] = set()
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> "Network":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def listen(self, node: int, port: int, whose: Callable[[int], int] = lambda _: CLIENT) -> int:
        """The port that leads to a broker's `port`. `whose` says who dials from a port."""

        async def start() -> int:
            def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Coroutine[Any, Any, None]:
                return self._serve(reader, writer, whose, node, port)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        return int(self._call(start()))

    @contextmanager
    def cut(self, cut: Cut, *, silent: bool) -> Iterator[None]:
        """Cut connections for as long as the block lasts.

        `silent`: packets are lost, both ends hear nothing, and where the block ends what was on its way arrives, as
        TCP has it. Else every connection is reset, and new ones are refused.
        """
        self._call(self._apply(cut, silent=silent))
        try:
            yield
        finally:
            self._call(self._apply(nothing, silent=True))

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _apply(self, cut: Cut, *, silent: bool) -> None:
        self._cut, self._silent = cut, silent
        for link in list(self._links):
            if not cut(link.source, link.target):
                link.open.set()
            elif silent:
                link.open.clear()
            else:
                _reset(link)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for link in list(self._links):
            _reset(link)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        whose: Callable[[int], int],
        target: int,
        port: int,
    ) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        source = await self._loop.run_in_executor(None, whose, int(writer.get_extra_info("peername")[1]))
        link = _Link(source, target, (writer, back))
        if not self._cut(source, target):
            link.open.set()
        elif not self._silent:
            _reset(link)
            return
        self._links.add(link)
        try:
            await asyncio.gather(_pump(reader, back, link), _pump(there, writer, link))
        finally:
            self._links.discard(link)


def _reset(link: _Link) -> None:
    for writer in link.writers:
        with suppress(OSError):  # one that has just closed by itself
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
    link.open.set()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link) -> None:
    """Pass chunks on while the link is open; an end that is seen while it is not is passed on later."""
    try:
        while chunk := await reader.read(_CHUNK):
            await link.open.wait()
            writer.write(chunk)
            await writer.drain()
        await link.open.wait()
    except OSError:
        pass
    writer.close()
