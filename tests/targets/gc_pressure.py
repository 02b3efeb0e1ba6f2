"""Sick: gc-pressure. Orders and their lines know each other, so only the collector can free them.

To blame: the line that allocates the lists of the cycles. Prints the truth about the collector every second. Arguments:
how many orders to remember (fewer: shorter collections), and how much other work an order makes (more: a lower share).
"""

from __future__ import annotations

import sys

from tests.targets._ready import ready
from tests.targets._truth_log import CollectorTruth

RECENT = 5_000
LINES = 20


class Order:
    """An order that lists its lines; each line holds its order and its own, as yet empty, list of changes."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    def fill(self) -> None:
        for _ in range(LINES):
            self.lines.append([self, [], []])  # CULPRIT

    def price(self, effort: int) -> int:
        return sum(range(effort))


def main() -> None:
    keep, effort = map(int, sys.argv[1:]) if len(sys.argv) > 1 else (RECENT, 0)
    truth = CollectorTruth()
    recent: list[Order | None] = [None] * keep
    taken = 0
    while True:
        order = Order()
        order.fill()
        order.price(effort)
        recent[taken % keep] = order
        taken += 1
        if taken == keep:
            ready()
        if taken >= keep and taken % 20 == 0:
            truth.report()


if __name__ == "__main__":
    main()
