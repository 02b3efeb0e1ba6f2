"""Sick: event-loop-blocked. A coroutine calls time.sleep: half a second at a time in which nothing else runs.

To blame: the line that sleeps.
"""

from __future__ import annotations

import asyncio
import time

from tests.targets._ready import ready


def fetch_rates() -> float:
    time.sleep(0.5)  # CULPRIT
    return 1.1


async def convert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        writer.write(b"%.2f\n" % fetch_rates())
        await writer.drain()


async def main() -> None:
    server = await asyncio.start_server(convert, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ready(port=port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(b"USD\n")
        await reader.readline()
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main())
