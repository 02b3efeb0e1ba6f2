"""Healthy: an asyncio service with a heartbeat that nobody asks; with `busy` twenty clients ask for small answers."""

from __future__ import annotations

import asyncio
import itertools
import sys

from tests.targets._ready import ready, say


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        await asyncio.sleep(0.01)
        writer.write(line.upper())
        await writer.drain()


async def ask(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(b"hello\n")
        await reader.readline()
        await asyncio.sleep(0.05)


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = 20 if sys.argv[1:] == ["busy"] else 0
    tasks = [asyncio.ensure_future(ask(port)) for _ in range(clients)]
    ready(port=port, clients=len(tasks))
    for beat in itertools.count():
        await asyncio.sleep(1.0)
        say(beat=beat)


if __name__ == "__main__":
    asyncio.run(main())
