"""The timers of the real clock: a heap and one thread, which exists only while a timer is pending.

It is separate from the clock because nearly nothing needs it: loops wait by `Clock.wait`. What does is a deadline
that must end a context while nobody is waiting for it.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from typing import TYPE_CHECKING

from ..runtime import handle_crash

if TYPE_CHECKING:
    from collections.abc import Callable


class AlarmTimer:
    """A pending call: sets `fired`, then calls `f`, in the alarms' thread."""

    def __init__(self, seconds: float, f: Callable[[], object] | None = None) -> None:
        self.fired = threading.Event()
        self._f = f
        _alarms_of_this_process().arm(self, seconds)

    def wait(self, timeout: float | None = None) -> bool:
        return self.fired.wait(timeout)

    def stop(self) -> bool:
        return _alarms_of_this_process().disarm(self)

    def reset(self, seconds: float) -> bool:
        return _alarms_of_this_process().arm(self, seconds)

    def call(self) -> None:
        if self._f is not None:
            with handle_crash(really_crash=False):
                self._f()


class _Alarms:
    """All pending timers of one process."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        # All below is guarded by _changed, and so is every timer's `fired`: who holds it sees a timer either pending
        # (in _armed, `fired` clear) or not.
        self._armed: dict[AlarmTimer, int] = {}  # to the number of its one entry in the heap that counts
        self._heap: list[tuple[float, int, AlarmTimer]] = []  # (at, number, timer); entries that do not count stay
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def arm(self, timer: AlarmTimer, seconds: float) -> bool:
        with self._changed:
            was_pending = self._armed.pop(timer, None) is not None
            timer.fired.clear()
            number = next(self._numbers)
            self._armed[timer] = number
            heapq.heappush(self._heap, (time.monotonic() + seconds, number, timer))
            self._tidy()
            if self._thread is None:
                self._start()
            elif self._heap[0][1] == number:
                self._changed.notify()
            return was_pending

    def disarm(self, timer: AlarmTimer) -> bool:
        with self._changed:
            was_pending = self._armed.pop(timer, None) is not None
            timer.fired.clear()
            self._tidy()
            return was_pending

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="kdiag-alarms", daemon=True)
        self._thread = thread
        try:
            thread.start()
        except BaseException:  # no more threads: then nothing is pending either
            self._thread = None
            self._armed.clear()
            self._heap.clear()
            raise

    def _tidy(self) -> None:
        """Drop the entries that do not count once they are most of the heap, and let the thread go with the last."""
        if not self._armed:
            self._heap.clear()
            self._changed.notify()
        elif len(self._heap) > 2 * len(self._armed) + 64:
            self._heap = [entry for entry in self._heap if self._armed.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def _run(self) -> None:
        while True:
            timer = self._next_due()
            if timer is None:
                return
            timer.call()
            del timer  # else the thread would keep it alive while it waits for the next

    def _next_due(self) -> AlarmTimer | None:
        """Block until a timer is due; None when none is pending, and then the thread is no longer ours."""
        with self._changed:
            while self._heap:
                at, number, timer = self._heap[0]
                if self._armed.get(timer) != number:
                    heapq.heappop(self._heap)
                    continue
                late_s = time.monotonic() - at
                if late_s >= 0:
                    heapq.heappop(self._heap)
                    del self._armed[timer]
                    timer.fired.set()
                    return timer
                del timer
                self._changed.wait(min(-late_s, threading.TIMEOUT_MAX))
            self._thread = None
            return None


# By process id: threads do not survive a fork, so a child starts afresh, without its parent's timers and without a
# lock that another thread of the parent may have held. (No os.register_at_fork: it could never be taken back.)
_by_process: dict[int, _Alarms] = {}


def _alarms_of_this_process() -> _Alarms:
    pid = os.getpid()
    return _by_process.get(pid) or _by_process.setdefault(pid, _Alarms())
