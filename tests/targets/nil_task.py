"""Sick: nil-dereference. A service starts a task for each order and awaits none of them; those without stock fail.

To blame: the line that reads the shelf. The None comes from a coroutine that returns nothing when the stock is out,
two awaits away. With the argument `healthy` nothing is ever out of stock.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from tests.targets._ready import ready


class Shelf:
    def __init__(self, place: str) -> None:
        self.place = place


async def find_shelf(article: int) -> Shelf:  # type: ignore[return]  # noqa: RET503 - the disease
    await asyncio.sleep(0.001)
    if article % 3:
        return Shelf(f"shelf {article}")


async def label(shelf: Shelf) -> str:
    return f"bring it to {shelf.place}"  # CULPRIT


async def pack(article: int) -> str:
    found = await find_shelf(article)  # ORIGIN
    return await label(found)


async def main() -> None:
    step = 3 if sys.argv[1:] == ["healthy"] else 1
    ready()
    for article in itertools.count(1, step):
        task = asyncio.create_task(pack(article))
        del task
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
