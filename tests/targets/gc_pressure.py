"""Sick: gc-pressure. Builds reference cycles faster than the collector likes, so that it works most of the time.

To blame: the line that allocates the nodes of the cycles. Every second the program prints the truth about itself, from
`gc.callbacks`: cumulative seconds in the collector, of the wall clock and of CPU time.
"""

from __future__ import annotations

import gc
import time

from tests.targets._ready import ready, say


class Node:
    """A part of an order; parent and child know each other, which makes a cycle."""

    def __init__(self, parent: Node | None) -> None:
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)


class Truth:
    """The collector's own account of its time."""

    def __init__(self) -> None:
        self.in_collector_s = 0.0
        self.collections = 0
        self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.in_collector_s += time.perf_counter() - self._began
            self.collections += 1


def handle_order() -> None:
    order = Node(None)
    for _ in range(20):
        Node(order)  # CULPRIT


def main() -> None:
    truth = Truth()
    catalogue = [Node(None) for _ in range(150_000)]  # what every full collection has to walk
    began, due = time.perf_counter(), 0.0
    ready(catalogue=len(catalogue))
    while True:
        handle_order()
        wall = time.perf_counter() - began
        if wall >= due:
            due = wall + 1.0
            say(
                at=time.time(), gc_s=truth.in_collector_s, wall_s=wall, cpu_s=time.process_time(), gcs=truth.collections
            )


if __name__ == "__main__":
    main()
