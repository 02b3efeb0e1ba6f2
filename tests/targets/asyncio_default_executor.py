"""Sick: pool-exhaustion. All threads of asyncio's default executor wait for a silent server; the loop itself turns.

To blame: the line that receives.
"""

from __future__ import annotations

import asyncio
import socket
import threading

from tests.targets._ready import listen, ready

JOBS = 400

taken = threading.Semaphore(0)


def look_up(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address) as connection:
        taken.release()
        return connection.recv(64)  # CULPRIT


async def main() -> None:
    silent = listen()
    loop = asyncio.get_running_loop()
    waiting = [loop.run_in_executor(None, look_up, silent.getsockname()) for _ in range(40)]
    while taken._value < loop._default_executor._max_workers:  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    ready(port=silent.getsockname()[1])
    for _ in range(JOBS):
        await asyncio.sleep(0.2)
        waiting.append(loop.run_in_executor(None, look_up, silent.getsockname()))
    await asyncio.gather(*waiting)


if __name__ == "__main__":
    asyncio.run(main())
