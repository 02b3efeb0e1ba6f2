"""Sick: deadlock. Two tasks take the same two asyncio locks in opposite order; the loop itself turns and serves others.

To blame: the lines that wait for the second lock, one in each task. A third task waits behind them.
"""

from __future__ import annotations

import asyncio

from tests.targets._ready import ready


class Shop:
    """Its parts, each behind a lock of its own."""

    def __init__(self) -> None:
        self.stock, self.ledger = asyncio.Lock(), asyncio.Lock()
        self.holding = 0
        self.both_hold_one = asyncio.Event()

    async def ship(self) -> None:
        async with self.stock:
            await self.other_one()
            async with self.ledger:  # CULPRIT
                pass

    async def take_back(self) -> None:
        await self.ledger.acquire()
        try:
            await self.other_one()
            await self.stock.acquire()  # CULPRIT
            self.stock.release()
        finally:
            self.ledger.release()

    async def look(self) -> None:
        async with self.stock:
            pass

    async def other_one(self) -> None:
        self.holding += 1
        if self.holding == 2:
            self.both_hold_one.set()
        await self.both_hold_one.wait()


async def main() -> None:
    shop = Shop()
    tasks = [
        asyncio.create_task(shop.ship(), name="shipping"),
        asyncio.create_task(shop.take_back(), name="returns"),
    ]
    await shop.both_hold_one.wait()
    tasks.append(asyncio.create_task(shop.look(), name="looking"))
    asyncio.get_running_loop().call_soon(ready)  # behind the steps of all others, which stand from then on
    serve()
    await asyncio.sleep(600.0)
    await asyncio.gather(*tasks)


def serve() -> None:
    """What the loop does for others, all the time."""
    asyncio.get_running_loop().call_later(0.1, serve)


if __name__ == "__main__":
    asyncio.run(main())
