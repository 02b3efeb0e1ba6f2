"""Sick or healthy, as its traffic wants: a starlette service under uvicorn that reads a session.

`/cart` is nil-dereference: no session is passed to the function that needs one, and its default is None. To blame: the
line that reads the session. `/known` is healthy.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.targets._ready import listen, ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

server = listen()


async def items(
    user: str,
    session: Any = None,  # ORIGIN
) -> str:
    return f"{user} has {session.count} items"  # CULPRIT


class Session:
    count = 3


async def cart(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await items("ann"))


async def known(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await items("ann", Session()))


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    ready(port=server.getsockname()[1])
    yield


app = Starlette(routes=[Route("/cart", cart), Route("/known", known)], lifespan=lifespan)


if __name__ == "__main__":
    logging.basicConfig(filename="/dev/null")
    uvicorn.Server(uvicorn.Config(app, log_config=None)).run(sockets=[server])
