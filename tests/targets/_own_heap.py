"""Says how many objects of two classes it keeps, for the tests to compare with what was counted from outside.

With `churning` as argument it replaces old objects, creates short-lived ones, and collects now and then, all the time.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import OrderedDict

from tests.targets._ready import ready, stay

MARKERS = 12_345
PAIRS = 23_456


class Marker:
    """With attributes in a dict."""

    def __init__(self, number: int) -> None:
        self.number = [number]


class Pair:
    """Without."""

    __slots__ = ("one", "other")

    def __init__(self, one: object, other: object) -> None:
        self.one, self.other = one, other


def churn(replaced: OrderedDict[int, Marker]) -> None:
    number = 0
    while True:
        number += 1
        replaced[number] = Marker(number)
        replaced.popitem(last=False)
        cycle: list[object] = []
        cycle.append(cycle)
        if number % 10 == 0:
            time.sleep(0.001)
        if number % 10_000 == 0:
            gc.collect()


def main() -> None:
    half = MARKERS // 2
    kept = [Marker(number) for number in range(half)]
    pairs = [Pair(each, each) for each in kept for _ in range(4)][: PAIRS // 2]
    gc.collect()  # the others are younger
    survivors = len(gc.get_objects())
    pairs += [Pair(each, each) for each in kept for _ in range(4)][: PAIRS - len(pairs)]
    replaced = OrderedDict((-number, Marker(number)) for number in range(MARKERS - half))
    ready(markers=len(kept) + len(replaced), pairs=len(pairs), objects=len(gc.get_objects()), survivors=survivors)
    if sys.argv[1:] == ["churning"]:
        churn(replaced)
    stay()


if __name__ == "__main__":
    main()
