"""What holds for every test of machinery: no thread is left behind, and no handler."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.machinery import runtime
from tests.unit.machinery.background import HANGING_S
from tests.unit.machinery.interrupts import Interrupter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    for thread in threading.enumerate():
        if thread.name in {"kdiag-watch", "kdiag-alarms"}:  # another package's test has just left one
            thread.join(HANGING_S)
    before = set(threading.enumerate())
    yield
    new = [thread for thread in threading.enumerate() if thread not in before]
    for thread in new:  # one that is just ending may do so
        thread.join(HANGING_S)
    assert [thread for thread in new if thread.is_alive()] == []


@pytest.fixture(autouse=True)
def handlers_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    from kdiag.machinery.runtime import crash, errors

    for module, name in ((crash, "panic_handlers"), (crash, "quiet_exceptions"), (errors, "error_handlers")):
        own = list(getattr(module, name))
        monkeypatch.setattr(module, name, own)
        monkeypatch.setattr(runtime, name, own)


@pytest.fixture
def interruptible() -> Iterator[Callable[[], None]]:
    """What raises `Interrupted` in the main thread, wherever it waits."""
    interrupter = Interrupter()
    before = signal.signal(signal.SIGUSR2, interrupter.interrupt)
    yield interrupter
    signal.signal(signal.SIGUSR2, before)
