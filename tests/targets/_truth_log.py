"""The collector's own account of its time, printed for the tests to compare with what was seen from outside.

Separate from `_ready`, because only the targets that are sick of the collector need it: the callback itself costs.
"""

from __future__ import annotations

import gc
import time

from tests.targets._ready import say


class CollectorTruth:
    """Counts the time in the collector; `report` prints it once a second, all values cumulative since the start."""

    def __init__(self) -> None:
        self._in_collector_s = 0.0
        self._collections = 0
        self._longest_s = 0.0
        self._collection_began = 0.0
        self._began = time.perf_counter()
        self._due = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collection_began = now
        else:
            self._in_collector_s += now - self._collection_began
            self._longest_s = max(self._longest_s, now - self._collection_began)
            self._collections += 1

    def report(self) -> None:
        """Print the truth when a second has passed since the last time."""
        wall_s = time.perf_counter() - self._began
        if wall_s >= self._due:
            self._due = wall_s + 1.0
            say(
                gc_s=self._in_collector_s,
                wall_s=wall_s,
                at=time.time(),
                cpu_s=time.process_time(),
                collections=self._collections,
                longest_s=self._longest_s,
            )
