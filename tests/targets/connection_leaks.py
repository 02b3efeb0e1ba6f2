"""Sick: pool-exhaustion. Handlers put connections by for later, or a task waits with one; nobody ever gives them back.

To blame: the line that puts a connection by, though nobody stands there, and the line at which the tasks wait.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import aiohttp
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from tests.targets._ready import listen, ready, stay, wait_until

SIZE, WAITERS = 3, 7
SMALL, FEW = 2, 3  # of the pools that tasks wait for
BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n.."  # an answer that goes on and on

engine = create_engine(
    "sqlite://", poolclass=QueuePool, pool_size=2, max_overflow=1, pool_timeout=120,
    connect_args={"check_same_thread": False},
)  # fmt: skip
async_engine = create_async_engine(
    "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=SMALL, max_overflow=0, pool_timeout=120,
)  # fmt: skip
server = listen()
host, port = server.getsockname()


class Exports:
    def __init__(self) -> None:
        self.unfinished: list[Any] = []

    def begin(self) -> None:
        connection = engine.connect()
        connection.execute(text("select 1"))
        self.unfinished.append(connection)  # CULPRIT exports


class Downloads:
    def __init__(self) -> None:
        self.begun: dict[int, Any] = {}

    async def begin(self, number: int, http: aiohttp.ClientSession) -> None:
        response = await http.get(f"http://{host}:{port}/")
        self.begun[number] = response  # CULPRIT downloads


exports, downloads = Exports(), Downloads()
waiting, reporting = threading.Semaphore(0), threading.Semaphore(0)


def order() -> None:
    waiting.release()
    with engine.connect() as connection:
        connection.execute(text("select 2"))


async def report(approved: asyncio.Event) -> None:
    async with async_engine.connect() as connection:
        await connection.execute(text("select 3"))
        reporting.release()
        await approved.wait()  # CULPRIT report


async def tasks() -> None:
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=SMALL))
    work = [downloads.begin(number, http) for number in range(SMALL + FEW)]
    work += [report(asyncio.Event()) for _ in range(SMALL + FEW)]
    await asyncio.gather(*work)


def serve() -> None:
    served = []
    while True:
        served.append(server.accept()[0])
        served[-1].sendall(BEGUN)


def main() -> None:
    for _ in range(SIZE):
        exports.begin()
    for number in range(WAITERS):
        threading.Thread(target=order, name=f"order-{number}", daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()
    threading.Thread(target=asyncio.run, args=(tasks(),), name="loop", daemon=True).start()
    wait_until(
        lambda: waiting._value == WAITERS and len(downloads.begun) == reporting._value == SMALL, "everybody waits"
    )
    ready()
    stay()


if __name__ == "__main__":
    main()
