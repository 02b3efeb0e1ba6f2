"""Doing something once, whoever asks first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Once:
    """Calls a function once; who comes meanwhile waits for its end, who comes later returns at once.

    A crash in the function goes to who made the call, and counts: nobody calls again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held during the call
        self._runs_in = 0  # the thread that calls; only that thread compares it with itself
        self._done = False  # set once, under _lock, and also read without it

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self._done

    def do(self, f: Callable[[], object]) -> None:
        """Call `f` if this is the first call of `do`.

        Raises:
            RuntimeError: `f` itself has asked, which would wait for its own end.
        """
        if self._done:
            return
        ident = threading.get_ident()
        if self._runs_in == ident:
            raise RuntimeError("Once.do was called by the very function that it calls")
        with self._lock:
            if self._done:
                return
            self._runs_in = ident
            try:
                f()
            finally:
                self._done = True
                self._runs_in = 0
