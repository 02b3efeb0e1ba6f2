"""Sick: memory-leak. Every request leaves a session behind, 5 MB a second up to 600 MB, in one of three places.

The argument says where: `closure` in a variable of a function that a decorator made, `cache` in an lru_cache without a
limit, `local` in a variable of the function that serves. To blame, where a probe is inside: the function that keeps.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import deque
from typing import Any, Callable

from tests.targets._ready import ready

AT_MOST = 60_000


class Session:
    """What a request leaves behind, about 10 kB."""

    def __init__(self, number: int) -> None:
        self.user = str(number)
        self.history = bytes([number % 255 + 1]) * 10_000


def remembered(function: Callable[[int], Session]) -> Callable[[int], Session]:
    seen: dict[int, Session] = {}

    def inner(number: int) -> Session:
        return seen.setdefault(number, function(number))

    return inner


@remembered
def from_closure(number: int) -> Session:  # CULPRIT
    return Session(number)


@functools.cache
def from_cache(number: int) -> Session:  # CULPRIT
    return Session(number)


def serve(shape: str) -> None:
    recent: deque[Session] = deque()
    makers: dict[str, Callable[[int], Any]] = {
        "closure": from_closure, "cache": from_cache, "local": lambda number: recent.append(Session(number)),
    }  # fmt: skip
    for number in range(AT_MOST):
        makers[shape](number)
        if number % 10 == 0:
            time.sleep(0.02)
    time.sleep(600)


def main() -> None:
    ready()
    serve(sys.argv[1])


if __name__ == "__main__":
    main()
