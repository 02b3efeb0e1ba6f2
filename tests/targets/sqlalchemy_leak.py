"""Sick: pool-exhaustion. A handler opens a connection and puts it by for later; nobody ever closes it.

To blame: the line that puts the connection by, though no thread stands there: the threads wait for connections.
"""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import QueuePool

from tests.targets._ready import ready, stay, wait_until

SIZE, WAITERS = 3, 7

engine = create_engine(
    "sqlite://", poolclass=QueuePool, pool_size=2, max_overflow=1, pool_timeout=120,
    connect_args={"check_same_thread": False},
)  # fmt: skip


class Exports:
    def __init__(self) -> None:
        self.unfinished: list[Any] = []

    def begin(self) -> None:
        connection = engine.connect()
        connection.execute(text("select 1"))
        self.unfinished.append(connection)  # CULPRIT


exports = Exports()
waiting = threading.Semaphore(0)


def order() -> None:
    waiting.release()
    with engine.connect() as connection:
        connection.execute(text("select 2"))


def main() -> None:
    for _ in range(SIZE):
        exports.begin()
    for number in range(WAITERS):
        threading.Thread(target=order, name=f"order-{number}", daemon=True).start()
    wait_until(lambda: waiting._value == WAITERS, "everybody waits")
    ready()
    stay()


if __name__ == "__main__":
    main()
