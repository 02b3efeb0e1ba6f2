"""Sick: unhandled-crash. A thread for each upload parses its header; a wrong one ends the thread, and nobody notices.

To blame: the line that parses. With the argument `healthy` the wrong ones are caught; missing keys and exhausted
iterators are the ordinary way that things go here.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from typing import TYPE_CHECKING

from tests.targets._ready import ready

if TYPE_CHECKING:
    from collections.abc import Iterator

HEALTHY = sys.argv[1:] == ["healthy"]
SIZES: dict[int, int] = {}


def size(header: str) -> int:
    return int(header)  # CULPRIT


def upload(number: int) -> None:
    header = "many" if number % 2 else "12"
    try:
        SIZES[number % 10] += 1
    except KeyError:
        SIZES[number % 10] = 1
    rest: Iterator[int] = iter(())
    try:
        next(rest)
    except StopIteration:
        rest = iter((number,))
    if HEALTHY:
        try:
            size(header)
        except ValueError:
            size("0")
    else:
        size(header)


def main() -> None:
    threading.excepthook = lambda _: None  # the service throws the message away
    ready()
    for number in itertools.count(1):
        threading.Thread(target=upload, args=(number,), name="upload").start()
        time.sleep(0.15)


if __name__ == "__main__":
    main()
