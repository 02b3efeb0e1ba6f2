"""Sick: nil-dereference. A consumer's loop logs every failure and goes on; each message fails at the same place.

To blame: the line that calls the connection. The None is an attribute that `connect` is to set, which nobody calls.
With the argument `healthy` somebody does.
"""

from __future__ import annotations

import logging
import sys
import threading
import time

from tests.targets._ready import ready, stay

log = logging.getLogger("shop.consumer")


class Connection:
    def publish(self, message: str) -> int:
        return len(message)


class Consumer:
    def __init__(self) -> None:
        self.connection: Connection = None  # type: ignore[assignment]  # ORIGIN
        self.sent = 0

    def connect(self) -> None:
        self.connection = Connection()

    def handle(self, message: str) -> None:
        self.sent += self.connection.publish(message)  # CULPRIT

    def run(self) -> None:
        while True:
            try:
                self.handle("hello")
            except Exception:
                log.exception("a message was lost")
            time.sleep(0.1)


def main() -> None:
    logging.basicConfig(filename="/dev/null")
    consumer = Consumer()
    if sys.argv[1:] == ["healthy"]:
        consumer.connect()
    threading.Thread(target=consumer.run, name="consumer", daemon=True).start()
    ready()
    stay()


if __name__ == "__main__":
    main()
