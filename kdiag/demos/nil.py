"""A scheduler that reads the name of a node that its lister does not have, and logs the failure every time.

The lister answers with None for a node that was drained meanwhile. The scheduler's loop catches everything and goes on,
so the service lives, and no pod is placed any more.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from typing import Any

from kdiag.demos import _service

log = logging.getLogger("scheduler")


class Node:
    """A machine that pods are placed on."""

    def __init__(self, name: str) -> None:
        self.name = name


class Lister:
    """Knows the nodes by name."""

    def __init__(self, names: list[str]) -> None:
        self.nodes = {name: Node(name) for name in names}

    def get(self, name: str) -> Any:
        """The node, if there is one."""
        return self.nodes.get(name)


class Scheduler:
    """Places pods on the node that was chosen for them."""

    def __init__(self, lister: Lister, chosen: str) -> None:
        self.lister = lister
        self.chosen = chosen

    def place(self, pod: int) -> str:
        """Say where a pod goes."""
        node = self.lister.get(self.chosen)
        return f"pod {pod} goes to {node.name}"

    def run(self, pods: itertools.count[int]) -> None:
        """Place one pod after the other."""
        for pod in pods:
            try:
                self.place(pod)
            except Exception:
                log.exception("pod %d was not placed", pod)
            time.sleep(0.1)


def main() -> None:
    """Place pods on a node that was drained."""
    _service.begin(__doc__ or "")
    logging.basicConfig(filename=os.devnull)
    _service.ready()
    Scheduler(Lister(["node-a", "node-b"]), "node-c").run(itertools.count(1))


if __name__ == "__main__":
    main()
