"""Sick: event-loop-blocked. A coroutine computes for about a third of a second at a time on the loop's thread.

To blame: the line that computes.
"""

from __future__ import annotations

import asyncio

from tests.targets._ready import ready


def checksum(page: bytes) -> int:
    value = 1
    for _ in range(100):
        for byte in page:
            value = (value * 31 + byte) % 65_521  # CULPRIT
    return value


async def upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while page := await reader.readline():
        writer.write(b"%d\n" % checksum(page))
        await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(upload, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ready(port=port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(b"x" * 60_000 + b"\n")
        await reader.readline()
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
