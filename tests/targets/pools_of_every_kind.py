"""Sick: pool-exhaustion, of fifteen pools at once; with the argument `busy` the same pools are full, but all goes on.

To blame: of each pool the line that has what it lends, or the function that its workers do not come back from. Each is
marked with the pool's kind. A silent server stands for a slow one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from queue import Queue
from typing import TYPE_CHECKING, Any

import aiohttp
import celery
import dramatiq
import httpx
import psycopg_pool
import requests
import urllib3
from celery.worker import state as celery_state
from dramatiq.brokers.stub import StubBroker
from kombu.transport.memory import Channel
from requests.adapters import HTTPAdapter
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

from tests.targets._postgres import serve as serve_postgres
from tests.targets._ready import listen, ready, stay, wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

SIZE, CLIENTS = 2, 6
USERS, POOLS = 11, 12  # functions with clients of their own; pools that are not of processes
PAUSE_S = 0.15  # of all that is done, so that no pool costs much
BUSY = sys.argv[1:] == ["busy"]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

server = listen()
host, port = server.getsockname()
url = f"http://{host}:{port}/"
never = threading.Event()
asking, lasting = threading.Semaphore(0), threading.Semaphore(0)  # clients, and what they were lent or had begun

engine = create_engine(
    "sqlite://", poolclass=QueuePool, pool_size=SIZE, max_overflow=0, pool_timeout=120,
    connect_args={"check_same_thread": False},
)  # fmt: skip
async_engine = create_async_engine(
    "sqlite+aiosqlite://", poolclass=AsyncAdaptedQueuePool, pool_size=SIZE, max_overflow=0, pool_timeout=120,
)  # fmt: skip
plain = urllib3.HTTPConnectionPool(host, port, maxsize=SIZE, block=True)
session = requests.Session()
session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=SIZE, pool_block=True))
postgres = serve_postgres()
database = psycopg_pool.ConnectionPool(postgres, min_size=SIZE, num_workers=1, timeout=120, name="orders", open=True)
client = httpx.Client(limits=httpx.Limits(max_connections=SIZE), timeout=None)  # noqa: S113 - it is what is sick
broker = StubBroker()
dramatiq.set_broker(broker)
jobs = celery.Celery("jobs", broker="memory://", set_as_current=False)
jobs.conf.update(worker_redirect_stdouts=False, task_ignore_result=True)


def linger() -> None:
    """What a task does that takes its time."""
    time.sleep(PAUSE_S)
    lasting.release()
    if not BUSY:
        never.wait()  # CULPRIT linger


def by_sqlalchemy() -> None:
    with engine.connect() as connection:
        connection.execute(text("select 1"))
        linger()


def by_psycopg() -> None:
    with database.connection() as connection:
        connection.execute("select 1")
        linger()


def by_urllib3() -> None:
    plain.request("GET", "/", retries=False)  # CULPRIT urllib3


def by_requests() -> None:
    session.get(url, timeout=None)  # CULPRIT requests


def by_httpx() -> None:
    client.get(url)  # CULPRIT httpx


def crunch(seconds: float) -> None:  # CULPRIT executor
    time.sleep(seconds)


@dramatiq.actor(max_retries=0)
def mail() -> None:
    linger()


resize = jobs.task(linger, name="resize")


async def by_aiohttp(http: Any) -> None:
    async with http.get(url) as response:  # CULPRIT aiohttp
        await response.read()


async def by_async_httpx(http: Any) -> None:
    await http.get(url)  # CULPRIT async_httpx


async def by_thread() -> None:
    await asyncio.to_thread(linger)


async def by_async_sqlalchemy() -> None:
    async with async_engine.connect() as connection:
        await connection.execute(text("select 1"))
        lasting.release()
        await asyncio.sleep(PAUSE_S if BUSY else 600)  # CULPRIT async_sqlalchemy


async def by_async_psycopg(pool: Any) -> None:
    async with pool.connection() as connection:
        await connection.execute("select 1")
        lasting.release()
        await asyncio.sleep(PAUSE_S if BUSY else 600)  # CULPRIT async_psycopg


async def again(function: Any) -> None:
    asking.release()
    while True:
        await function()


async def tasks() -> None:
    connector = aiohttp.TCPConnector(limit=SIZE)
    limits = httpx.Limits(max_connections=SIZE)
    one = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout())
    other = httpx.AsyncClient(limits=limits, timeout=None)  # noqa: S113
    async_database = psycopg_pool.AsyncConnectionPool(
        postgres, min_size=SIZE, num_workers=1, timeout=120, name="invoices", open=False
    )
    await async_database.open()
    users = ((by_aiohttp, one), (by_async_httpx, other), (by_async_psycopg, async_database))
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(SIZE, thread_name_prefix="asyncio"))
    work = [by_thread, by_async_sqlalchemy, *(functools.partial(user, pool) for user, pool in users)]
    await asyncio.gather(*(again(each) for each in work for _ in range(CLIENTS)))


def serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        while connection.recv(65536):
            time.sleep(PAUSE_S)
            lasting.release()
            if BUSY:
                connection.sendall(ANSWER)


def accept() -> None:
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


def forever(function: Callable[[], None]) -> None:
    asking.release()
    while True:
        function()


def feed(submit: Callable[[], Any], pending: Callable[[], int]) -> None:
    """Keep some tasks waiting, and no more than that."""
    while True:
        if pending() < SIZE + CLIENTS:
            submit()
        else:
            time.sleep(0.04)


def main() -> None:
    seconds = PAUSE_S if BUSY else 600
    executor, pool = ProcessPoolExecutor(SIZE), multiprocessing.Pool(SIZE)  # before there are threads: they fork
    executor.submit(int).result()
    worker = dramatiq.Worker(broker, worker_threads=SIZE)
    worker.start()
    celery_worker = jobs.Worker(pool="threads", concurrency=SIZE, quiet=True)
    threading.Thread(target=celery_worker.start, daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()

    def by_multiprocessing() -> None:
        pool.apply(crunch, (seconds,))  # CULPRIT multiprocessing

    for function in (by_sqlalchemy, by_psycopg, by_urllib3, by_requests, by_httpx, by_multiprocessing):
        for number in range(CLIENTS):
            threading.Thread(
                target=forever, args=(function,), name=f"{function.__name__}-{number}", daemon=True
            ).start()
    threading.Thread(target=asyncio.run, args=(tasks(),), name="loop", daemon=True).start()
    for submit, pending in (
        (lambda: executor.submit(crunch, seconds), lambda: len(executor._pending_work_items)),
        (resize.delay, lambda: len(celery_state.reserved_requests) + sum(map(Queue.qsize, Channel.queues.values()))),
        (mail.send, lambda: worker.work_queue.qsize() + broker.queues["default"].qsize()),
    ):
        threading.Thread(target=feed, args=(submit, pending), daemon=True).start()
    wait_until(lambda: asking._value == USERS * CLIENTS, "everybody asks")
    wait_until(lambda: lasting._value >= POOLS * SIZE, "what is not a process's is lent")
    wait_until(lambda: len(executor._pending_work_items) >= SIZE + CLIENTS, "tasks wait for processes")
    wait_until(lambda: worker.work_queue.qsize() >= SIZE, "messages wait")
    ready(port)
    stay()


if __name__ == "__main__":
    main()
