"""Stress: the main thread allocates and collects all the time, alone.

One unit makes garbage in cycles whose finalizers count, and a generator that goes on later: a heap or a frame that is
touched at the wrong moment crashes here first.
With `signals` it also answers a thousand SIGALRM a second, and counts them.
"""

from __future__ import annotations

import gc
import itertools
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from tests.targets._account import Inquiry, Ledger
from tests.targets._ready import ready

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERATORS = 50
STEPS = 500


class Node:
    """Dies in a cycle, and is counted when it does."""

    born = 0
    died = 0

    def __init__(self, number: int) -> None:
        Node.born += 1
        self.number = number
        self.payload = {"squares": [n * n for n in range(number % 40)], "text": str(number) * 7}
        self.me = self

    def __del__(self) -> None:
        Node.died += 1


class Alarms:
    """Counts the ticks of an interval timer."""

    def __init__(self) -> None:
        self.heard = 0

    def hear(self, _signal: int, _frame: object) -> None:
        self.heard += 1


def count_up(first: int) -> Iterator[int]:
    number = first
    while True:
        yield number
        number += sum(n % 2 for n in range(2 * STEPS)) // STEPS  # a while, so that looks find it here


begun: deque[tuple[int, Iterator[int]]] = deque()


def begin_another(number: int) -> None:
    """Let the oldest generator go on, end it, and begin a new one."""
    if len(begun) == GENERATORS:
        first, numbers = begun.popleft()
        if [*itertools.islice(numbers, 3)] != [first + 1, first + 2, first + 3]:
            raise AssertionError("a frame is damaged")
    numbers = count_up(number)
    if next(numbers) != number:
        raise AssertionError("a frame is damaged")
    begun.append((number, numbers))


def unit(number: int) -> None:
    begin_another(number)
    nodes = [Node(number + n) for n in range(20)]
    if sum(node.number for node in nodes) != 20 * number + 190:
        raise AssertionError("the heap is damaged")
    del nodes
    if number % 50 == 0:
        gc.collect()


def main() -> None:
    ledger, alarms = Ledger(), Alarms()

    def account() -> dict[str, object]:
        for _ in range(1000):  # while another thread collects, `gc.collect` does nothing
            gc.collect()
            if Node.born == Node.died:
                break
            time.sleep(0.001)
        right = ledger.right() and Node.born == Node.died == 20 * ledger.done
        return {"units": ledger.done, "right": right, "problems": ledger.problems, "alarms": alarms.heard}

    inquiry = Inquiry(account, at_once=False)
    if sys.argv[1:] == ["signals"]:
        signal.signal(signal.SIGALRM, alarms.hear)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    ready()
    inquiry.open()
    number = 0
    while True:
        number += 1
        unit(number)
        ledger.enter(number)
        inquiry.answer()


if __name__ == "__main__":
    main()
