"""Sick or healthy, as its traffic wants: a starlette service with sync routes under uvicorn.

`/stuck` is pool-exhaustion once all tokens of anyio's limiter (40, or the number given as argument) are taken: every
worker thread waits for a silent server. To blame: the line that receives. `/fast` answers in 20 ms and `/` at once:
with these two, or without traffic, the service is healthy. Says `saturated` when the last token is taken. A second
argument is uvicorn's limit of connections, one less of which are served.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.targets._ready import listen, ready, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

TOKENS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
LIMIT = int(sys.argv[2]) if len(sys.argv) > 2 else None

server, silent = listen(), listen()
stuck = threading.Semaphore(TOKENS)


def report(request: Request) -> PlainTextResponse:
    with socket.create_connection(silent.getsockname()) as connection:
        if stuck.acquire(blocking=False) and stuck._value == 0:
            say(saturated=True)
        return PlainTextResponse(connection.recv(64))  # CULPRIT


def price(request: Request) -> PlainTextResponse:
    time.sleep(0.02)
    return PlainTextResponse("42")


async def health(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = TOKENS
    ready(port=server.getsockname()[1])
    yield


app = Starlette(routes=[Route("/stuck", report), Route("/fast", price), Route("/", health)], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.Server(uvicorn.Config(app, log_level="error", limit_concurrency=LIMIT)).run(sockets=[server])
