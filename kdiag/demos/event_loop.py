"""A payment service on asyncio whose retries stop the whole event loop.

The bank's client was written for threads: between two attempts it calls `time.sleep`. Called from a coroutine, it stops
every other request of the process for that time.
"""

from __future__ import annotations

import asyncio
import time

from kdiag.demos import _service

ATTEMPTS = 3
PAUSE_S = 0.6


class BankClient:
    """Talks to the bank, which refuses the first attempts of every payment."""

    def charge(self, payment: int) -> str:
        """Book a payment, again when the bank is busy."""
        for attempt in range(1, ATTEMPTS + 1):
            if self.try_charge(payment, attempt):
                return "booked"
            time.sleep(PAUSE_S)
        return "refused"

    def try_charge(self, payment: int, attempt: int) -> bool:
        """Whether the bank took it."""
        return payment > 0 and attempt == ATTEMPTS


class PaymentService:
    """Serves `PAY n` lines over TCP."""

    def __init__(self, bank: BankClient) -> None:
        self.bank = bank

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the payments of one connection, one line each."""
        while line := await reader.readline():
            answer = self.bank.charge(int(line.split()[1]))
            writer.write(answer.encode() + b"\n")
            await writer.drain()


async def pay(port: int) -> None:
    """A customer that pays every tenth of a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        writer.write(b"PAY 42\n")
        await reader.readline()
        await asyncio.sleep(0.1)


async def run() -> None:
    """Serve on a free port of the loopback interface, with one customer."""
    service = PaymentService(BankClient())
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _service.ready(port)
    await pay(port)


def main() -> None:
    """Run the event loop."""
    _service.begin(__doc__ or "")
    asyncio.run(run())


if __name__ == "__main__":
    main()
