"""Sick: nil-dereference. Each batch of pods gets a thread, which meets a node that is not there and dies in silence.

To blame: the line that reads the node's name. The None comes from the lister, which answers with dict.get. With the
argument `healthy` every node is there.
"""

from __future__ import annotations

import sys
import threading
import time

from tests.targets._ready import ready


class Node:
    def __init__(self, name: str) -> None:
        self.name = name


class Lister:
    def __init__(self) -> None:
        self.nodes = {"a": Node("a")}

    def get(self, name: str) -> Node:
        return self.nodes.get(name)  # type: ignore[return-value]


class Scheduler:
    def __init__(self, wanted: str) -> None:
        self.lister = Lister()
        self.wanted = wanted
        self.placed = 0

    def schedule(self) -> str:
        node = self.lister.get(self.wanted)  # ORIGIN
        self.placed += 1
        return node.name  # CULPRIT


def main() -> None:
    threading.excepthook = lambda _: None  # the service throws the message away
    scheduler = Scheduler("a" if sys.argv[1:] == ["healthy"] else "b")
    ready()
    while True:
        threading.Thread(target=scheduler.schedule, name="scheduling").start()
        time.sleep(0.3)


if __name__ == "__main__":
    main()
