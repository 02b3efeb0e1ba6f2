"""Waiting in tests for what other threads do, and being interrupted meanwhile (fixture `interruptible`)."""

from __future__ import annotations

import linecache
import signal
import sys
import threading
from typing import TYPE_CHECKING

from tests.unit.machinery.background import HANGING_S

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_EVERY_S = 0.001


def spin_until(condition: Callable[[], object]) -> None:
    """Block until another thread has made something true."""
    pause = threading.Event()
    for _ in range(int(HANGING_S / _LOOK_EVERY_S)):
        if condition():
            return
        pause.wait(_LOOK_EVERY_S)
    raise AssertionError("what was waited for does not come")


def at_gate(ident: int | None) -> bool:
    """Whether a thread, once it is in the queue of a lock, has come to the line where it waits for its turn."""
    frame = sys._current_frames().get(ident or 0)
    return frame is not None and "gate.acquire()" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)


class Interrupted(Exception):
    pass


class Interrupter:
    """Raises `Interrupted` in the main thread, once, where it waits for its turn."""

    def __init__(self) -> None:
        self._raised = False

    def __call__(self) -> None:
        spin_until(lambda: at_gate(threading.main_thread().ident))
        spin_until(self._heard)  # one that comes right before the thread goes to sleep is heard only after the next

    def _heard(self) -> bool:
        if not self._raised:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        return self._raised

    def interrupt(self, *_: object) -> None:
        if not self._raised:
            self._raised = True
            raise Interrupted
