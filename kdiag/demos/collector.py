"""An order service that keeps the garbage collector busy.

Every order knows its lines and every line knows its order: a reference cycle, which only the cyclic collector can free.
The service remembers its recent orders, so they are old when they are dropped, and each full collection walks them all.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING

from kdiag.demos import _service

if TYPE_CHECKING:
    from collections.abc import Iterator

RECENT_ORDERS = 12_000
LINES_PER_ORDER = 8


class Line:
    """One article of an order."""

    def __init__(self, order: Order, article: int, pieces: int) -> None:
        self.order = order
        self.article = article
        self.pieces = pieces
        self.discounts: list[float] = []
        self.changes: list[str] = []
        self.notes: dict[str, str] = {}


class Order:
    """An order with its lines."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [Line(self, article=number % 997 + n, pieces=n + 1) for n in range(LINES_PER_ORDER)]

    def pieces(self) -> int:
        """How many pieces the order has in all."""
        return sum(line.pieces for line in self.lines)


class OrderService:
    """Takes orders and remembers the recent ones, for the page that shows them."""

    def __init__(self) -> None:
        self.recent: deque[Order] = deque(maxlen=RECENT_ORDERS)
        self.sold = 0

    def take(self, number: int) -> None:
        """Book one order."""
        order = Order(number)
        self.sold += order.pieces()
        self.recent.append(order)


def incoming() -> Iterator[int]:
    """Order numbers, as they come from a queue that is never empty."""
    return itertools.count(1)


def main() -> None:
    """Take orders until the time is over."""
    _service.begin(__doc__ or "")
    service = OrderService()
    for number in incoming():
        service.take(number)
        if number == RECENT_ORDERS:
            _service.ready()


if __name__ == "__main__":
    main()
