"""Runs the code under test in a thread, so that a test can step its clock; what it raises comes back to the test."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.machinery.clock import FakeClock

HANGING_S = 30.0


class Background:
    """A call that runs in a thread of its own."""

    def __init__(self, f: Callable[[], object]) -> None:
        self._f = f
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._f()
        except BaseException as error:
            self._error = error

    def result(self) -> None:
        """Wait for the end; raise what the call raised."""
        self._thread.join(HANGING_S)
        assert not self._thread.is_alive(), "the call under test hangs"
        if self._error is not None:
            raise self._error


def drive(clock: FakeClock, f: Callable[[], object]) -> list[float]:
    """Run `f`, setting the clock to whatever it waits for next until it ends; return how long it waited each time."""
    ended = threading.Event()

    def run() -> None:
        try:
            f()
        finally:
            ended.set()
            clock.timer(float("inf"))  # wakes us

    running, waited = Background(run), []
    while True:
        clock.block_until(1)
        if ended.is_set():
            break
        next_at = min(at for at, _ in clock._pending.values())
        waited.append(next_at - clock.now())
        clock.set_time(next_at)
    running.result()
    return waited


def together(*calls: Callable[[], object]) -> None:
    """Run the calls at the same time, each in a thread, and wait for all."""
    barrier = threading.Barrier(len(calls))

    def start(call: Callable[[], object]) -> None:
        barrier.wait(HANGING_S)
        call()

    running = [Background(lambda call=call: start(call)) for call in calls]  # type: ignore[misc]
    for each in running:
        each.result()
