"""Waiting for a number of things to be done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WaitGroup:
    """A counter that can be waited for: until it is zero.

    Add before what is counted is started, not within it: a `wait` that comes first finds zero and returns. It can be
    used again at once: who waited for this zero is not kept by the next count. `wait.Group` starts the threads, too.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        # Both are guarded by _changed.
        self._count = 0
        self._zeros = 0  # how often the count came to zero

    def add(self, delta: int) -> None:
        """Count up by `delta`, or down where it is negative.

        Raises:
            ValueError: it would become negative; the count stays.
        """
        with self._changed:
            if self._count + delta < 0:
                raise ValueError(f"a WaitGroup's counter would become {self._count + delta}")
            self._count += delta
            if delta and not self._count:
                self._zeros += 1
                self._changed.notify_all()

    def done(self) -> None:
        """Count down by one.

        Raises:
            ValueError: nothing is left to be done.
        """
        self.add(-1)

    def go(self, f: Callable[[], object]) -> threading.Thread:
        """Run `f` in a thread that is counted from now until it ends, also by a crash."""
        self.add(1)
        thread = threading.Thread(target=self._run, args=(f,), daemon=True)
        try:
            thread.start()
        except BaseException:  # the process can have no more threads
            self.done()
            raise
        return thread

    def wait(self) -> None:
        """Block until the count is zero, or has been since we came."""
        with self._changed:
            zeros = self._zeros
            self._changed.wait_for(lambda: not self._count or self._zeros != zeros)

    def _run(self, f: Callable[[], object]) -> None:
        try:
            f()
        finally:
            self.done()
