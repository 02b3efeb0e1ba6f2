"""Gives the interpreter to the service in the midst of long work of ours.

A thread that wants the GIL gets it after 5 ms at the latest, but then so may another thread of ours, and on a busy
machine the kernel may take the processor from the one that holds it. Who gives it away after a short while, and
sleeps, is not in the way.

Where it takes long to get it back, others want it all the time or keep it for long. They get it without our doing, and
every rest would cost us another turn of theirs: so then we take no more.

It is separate because every sensor that looks at all threads needs it.
"""

from __future__ import annotations

from time import monotonic, sleep, thread_time

WORK_S = 0.002  # of processor time, so that waiting for the GIL does not count
REST_S = 0.0005
LONG_REST_S = 0.004
EVERY = 32  # asking for the time is not free either


class Turns:
    """Asked in a loop over many things of one thread's work; has that thread rest now and then."""

    def __init__(self) -> None:
        self._asked = 0
        self._since = thread_time()
        self._rests = True

    def next(self) -> None:
        """Rest if it is time."""
        self._asked += 1
        if self._rests and self._asked % EVERY == 0 and thread_time() - self._since > WORK_S:
            began = monotonic()
            sleep(REST_S)
            self._rests = monotonic() - began < LONG_REST_S
            self._since = thread_time()
