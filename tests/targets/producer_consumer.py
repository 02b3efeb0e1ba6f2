"""Healthy: a producer and two consumers share a Condition and wait on it with a time limit, again and again."""

from __future__ import annotations

import threading
import time
from collections import deque

from tests.targets._ready import ready, stay

condition = threading.Condition()
parcels: deque[int] = deque()


def consume() -> None:
    while True:
        with condition:
            while not parcels:
                condition.wait(timeout=0.5)
            parcels.popleft()


def produce() -> None:
    number = 0
    while True:
        time.sleep(0.7)
        number += 1
        with condition:
            parcels.append(number)
            condition.notify()


def main() -> None:
    for name, work in ("producer", produce), ("consumer-1", consume), ("consumer-2", consume):
        threading.Thread(target=work, name=name, daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
