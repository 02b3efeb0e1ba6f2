"""Our own threads in the target, which are not its: those of a probe, whoever brought it, and of a door.

Separate because all sources that see threads must leave out the same ones. The kernel knows them by the names that
they give themselves; Python knows no name of the thread that keeps a door.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "kdiag-"


@dataclass
class OwnThreads:
    """Tells our threads in one process. Each thread is asked for its name once."""

    pid: int
    _ours: dict[int, bool] = field(default_factory=dict, init=False)

    def ids(self) -> frozenset[int]:
        """Kernel thread ids of all that are there now; empty when the process is gone."""
        try:
            threads = {int(name) for name in os.listdir(f"/proc/{self.pid}/task")}
        except OSError:
            return frozenset()
        self._ours = {thread: ours for thread, ours in self._ours.items() if thread in threads}
        return frozenset(filter(self._is_ours, threads))

    def has(self, thread_id: int, name: str) -> bool:
        """Whether a thread is one of ours: by Python's name, or by the kernel's (id 0: not known)."""
        return name.startswith(PREFIX) or (thread_id > 0 and self._is_ours(thread_id))

    def _is_ours(self, thread_id: int) -> bool:
        if thread_id not in self._ours:
            try:
                name = Path(f"/proc/{self.pid}/task/{thread_id}/comm").read_text(errors="replace")
            except OSError:  # it ended
                return False
            self._ours[thread_id] = name.startswith(PREFIX)
        return self._ours[thread_id]
