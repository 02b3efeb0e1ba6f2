"""Sick: pool-exhaustion. All threads of asyncio's default executor wait for a silent server; the loop itself turns.

To blame: the line that receives.
"""

from __future__ import annotations

import asyncio
import socket

from tests.targets._ready import listen, ready

JOBS = 400


def look_up(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address) as connection:
        return connection.recv(64)  # CULPRIT


async def main() -> None:
    silent = listen()
    loop = asyncio.get_running_loop()
    waiting = [loop.run_in_executor(None, look_up, silent.getsockname()) for _ in range(40)]
    await asyncio.sleep(0.2)
    ready(port=silent.getsockname()[1])
    for _ in range(JOBS):
        await asyncio.sleep(0.2)
        waiting.append(loop.run_in_executor(None, look_up, silent.getsockname()))


if __name__ == "__main__":
    asyncio.run(main())
