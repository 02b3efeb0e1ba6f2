"""Gives the interpreter to the service in the midst of long work of ours.

A thread that wants the GIL gets it after 5 ms at the latest, but then so may another thread of ours, and on a busy
machine the kernel may take the processor from the one that holds it. Who gives it away after a short while, and
sleeps, is not in the way.

It is separate because every sensor that looks at all threads needs it.
"""

from __future__ import annotations

from time import sleep, thread_time

WORK_S = 0.002  # of processor time, so that waiting for the GIL does not count
REST_S = 0.0005
EVERY = 32  # asking for the time is not free either


class Turns:
    """Asked in a loop over many things of one thread's work; has that thread rest now and then."""

    def __init__(self) -> None:
        self._asked = 0
        self._since = thread_time()

    def next(self) -> None:
        """Rest if it is time."""
        self._asked += 1
        if self._asked % EVERY == 0 and thread_time() - self._since > WORK_S:
            sleep(REST_S)
            self._since = thread_time()
