"""Waiting for others to say that something has changed.

`threading.Condition` does so for its own kinds of locks; this one is for any `Locker`, such as a side of an RWMutex.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rwmutex import Locker


class Cond:
    """A place to wait at, in the order of arrival. `wait` ends only by a `signal` or `broadcast` that came after it.

    What was waited for need not hold any more when `wait` returns: another may have been first. So wait in a loop:

        with mutex:
            while not ready():
                cond.wait()
    """

    def __init__(self, locker: Locker) -> None:
        self.locker = locker
        self._guard = threading.Lock()  # never held while anybody waits
        self._gates: deque[threading.Lock] = deque()  # guarded by _guard; each is held by nobody who could pass it

    def wait(self) -> None:
        """Unlock the locker, wait to be woken, and lock it again; the caller has locked it."""
        gate = threading.Lock()
        gate.acquire()
        with self._guard:
            self._gates.append(gate)
        try:
            self.locker.unlock()
        except BaseException:  # it was not locked
            self._call_off(gate)
            raise
        try:
            gate.acquire()
        except BaseException:  # interrupted
            self._call_off(gate)
            raise
        finally:
            self.locker.lock()

    def signal(self) -> None:
        """Wake the one that has waited longest, if any waits."""
        with self._guard:
            if self._gates:
                self._gates.popleft().release()

    def broadcast(self) -> None:
        """Wake all that wait now."""
        with self._guard:
            for gate in self._gates:
                gate.release()
            self._gates.clear()

    def _call_off(self, gate: threading.Lock) -> None:
        """Wait no more; a signal that had come already is the next one's."""
        with self._guard:
            if gate in self._gates:
                self._gates.remove(gate)
                return
        self.signal()
