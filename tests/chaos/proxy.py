"""A small TCP proxy that resets connections and delays what goes through it."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST and not FIN."""


class Proxy:
    """Forwards `port` of the loopback address to `target_port`; use as a context manager.

    `delay_s` holds back every chunk, in both directions, without reordering. `reset` breaks all
    connections at once. Where nobody listens behind it a connection is closed, as a dead host's is.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.reset()
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def reset(self) -> int:
        """Break every connection; how many there were."""
        return self._call(self._reset())

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _reset(self) -> int:
        broken = list(self._writers)
        for writer in broken:
            with suppress(OSError):  # one that has just closed by itself
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        return len(broken) // 2

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}
        try:
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        finally:
            self._writers -= {writer, back}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass chunks on, each `delay_s` after it came; several may be on their way at once."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        sender = asyncio.create_task(_send(on_the_way, writer))
        try:
            while chunk := await reader.read(_CHUNK):
                await on_the_way.put((self._loop.time() + self.delay_s, chunk))
        except OSError:
            pass
        await on_the_way.put((0.0, b""))
        await sender


async def _send(on_the_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop()
    broken = False
    while (item := await on_the_way.get())[1]:
        due, chunk = item
        await asyncio.sleep(max(0.0, due - clock.time()))
        if broken:
            continue
        try:
            writer.write(chunk)
            await writer.drain()
        except OSError:
            broken = True
    writer.close()
