"""Sick: event-loop-blocked. A starlette service on uvloop, run by `run_until_complete`, whose handler asks a slow disk.

uvloop turns in C: no frame of it is on any stack. To blame: the line that sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.targets._ready import listen, ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

server = listen()
URL = f"http://127.0.0.1:{server.getsockname()[1]}/"


def read_archive() -> str:
    time.sleep(0.3)  # CULPRIT
    return "archived"


async def archive(request: Request) -> PlainTextResponse:
    return PlainTextResponse(read_archive())


def ask() -> None:
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(URL, timeout=10) as response:
            response.read()
        time.sleep(0.1)


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    threading.Thread(target=ask, name="client", daemon=True).start()
    ready(port=server.getsockname()[1])
    yield


if __name__ == "__main__":
    app = Starlette(routes=[Route("/", archive)], lifespan=lifespan)
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve(sockets=[server]))
