"""Stress: an asyncio server under the load of its own clients, who number their requests and check the answers.

A pause of some milliseconds, or none, after each answer keeps the selector waking with and without a time limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import ready

CLIENTS = 12


def digest(line: bytes) -> bytes:
    return hashlib.sha256(line.strip()).hexdigest().encode() + b"\n"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(digest(line))
        await writer.drain()


async def ask(port: int, ledger: Ledger, pause_s: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while True:
        number += 1
        request = b"%d\n" % number
        writer.write(request)
        await writer.drain()
        answer = await reader.readline()
        if answer != digest(request):
            ledger.problems.append(f"request {number} was answered {answer!r}")
        ledger.enter(number)
        await asyncio.sleep(pause_s)


async def main() -> None:
    loop = asyncio.get_running_loop()
    unheard: list[object] = []
    loop.set_exception_handler(lambda _loop, context: unheard.append(context["message"]))
    ledgers = [Ledger() for _ in range(CLIENTS)]

    def account() -> dict[str, object]:
        problems = [problem for ledger in ledgers for problem in ledger.problems] + unheard
        right = all(ledger.right() for ledger in ledgers) and not problems
        return {"units": sum(ledger.done for ledger in ledgers), "right": right, "problems": problems}

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tasks = [asyncio.ensure_future(ask(port, each, 0.001 * (n % 4))) for n, each in enumerate(ledgers)]
    inquiry = Inquiry(account)
    loop.add_signal_handler(signal.SIGUSR1, inquiry.ask)  # runs as a callback of the loop, between two steps of tasks
    await asyncio.sleep(0.2)
    ready(port=port)
    inquiry.open()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main())
