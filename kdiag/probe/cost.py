"""What we cost the service: processor time of our own threads, and the longest time that we kept others waiting.

It is separate from `sensing`, which acts on it: here it is only counted.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Cost:
    """Counts from its start. Each thread notes its own time, so nothing here is written by two."""

    def __init__(
        self, now: Callable[[], float] = time.monotonic, thread_time: Callable[[], float] = time.thread_time
    ) -> None:
        self._now = now
        self._thread_time = thread_time
        self._started_at = now()
        self._threads: dict[str, float] = {}
        self.longest_pause_s = 0.0

    def note_thread(self, name: str) -> None:
        """Note what the calling thread has used up so far."""
        self._threads[name] = self._thread_time()

    def note_pause(self, seconds: float) -> None:
        """Note how long we worked in one go; the interpreter was ours for no longer than that."""
        self.longest_pause_s = max(self.longest_pause_s, seconds)

    def report(self, beside_s: float = 0.0) -> dict[str, Any]:
        """Return the sums; `beside_s` is what was used up in threads of the service."""
        elapsed_s = max(self._now() - self._started_at, 1e-9)
        cpu_s = sum(list(self._threads.values())) + beside_s
        return {
            "cpu_s": cpu_s,
            "elapsed_s": elapsed_s,
            "share": cpu_s / elapsed_s,
            "longest_pause_s": self.longest_pause_s,
        }
