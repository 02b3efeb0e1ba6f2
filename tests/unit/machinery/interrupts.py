"""Waiting in tests for what other threads do, and being interrupted meanwhile (fixture `interruptible`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.unit.machinery.background import HANGING_S

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_EVERY_S = 0.001


def spin_until(condition: Callable[[], bool]) -> None:
    """Block until another thread has made something true."""
    pause = threading.Event()
    for _ in range(int(HANGING_S / _LOOK_EVERY_S)):
        if condition():
            return
        pause.wait(_LOOK_EVERY_S)
    raise AssertionError("what was waited for does not come")


class Interrupted(Exception):
    pass


def interrupt(*_: object) -> None:
    raise Interrupted
