"""How much memory the target uses, by what can be read in microseconds."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemorySensor:
    """It keeps nothing: each question is a new look. The sizes of generations are left out, they take a heap walk."""

    name = "memory"
    dropped = 0
    buffered = 0
    period_s = 60.0  # it looks when it is asked

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""

    def tick(self) -> None:
        """Nothing happens between two questions."""

    def data(self, since: int) -> dict[str, Any]:  # noqa: ARG002 - every look is complete
        """Allocated blocks, objects since the last collections, resident bytes, and Python threads (ours included)."""
        return {
            "at": time.perf_counter(),
            "blocks": sys.getallocatedblocks(),
            "count": list(gc.get_count()),
            "rss": _resident(),
            "threads": threading.active_count(),
        }


def _resident() -> int:
    """Resident bytes; 0 where /proc cannot be read."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
