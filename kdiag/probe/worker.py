"""A thread of ours in the service's process, as little of a guest as a thread can be.

It is separate because the server and the sensors have one each, and a fork has to wait for the end of both.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it is built in
import _thread
import os
import sys
import threading
import time
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .crashes import Crashes
    from .fork import AtWork

_PR_SET_NAME = 15
STACK_BYTES = 1 << 20  # a service may have chosen one for all its threads on which our code would overflow


class Worker:
    """Runs `work` in a daemon thread with an honest name, which takes no signals and is traced by nobody."""

    def __init__(self, name: str, work: Callable[[], object], crashes: Crashes, at_work: AtWork) -> None:
        self._name = name
        self._work = work
        self._crashes = crashes
        self._at_work = at_work
        self.native_id: int | None = None
        self._running = _thread.allocate_lock()  # held while the thread runs

    def start(self) -> None:
        """Start the thread; only while it does not run.

        Raises:
            RuntimeError: the process can have no more threads.
        """
        self._running.acquire(False)
        try:
            # What `threading.settrace` of the service has set is taken off by functions written in C, which are not
            # traced themselves: our threads are none of its threads.
            untraced = (partial(sys.settrace, None), partial(sys.setprofile, None), partial(self._run))
            thread = threading.Thread(
                target=partial(any, map(partial.__call__, untraced)), name=self._name, daemon=True
            )
            stack_size = _thread.stack_size(STACK_BYTES)
            try:
                thread.start()
            finally:
                _thread.stack_size(stack_size)
        except BaseException:
            self._running.release()
            raise
        self.native_id = thread.native_id

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until the kernel knows of the thread no more; tell whether it has ended.

        Unlike `Thread.join`, this does not make `threading` list the caller if it has never heard of it.
        """
        deadline = time.monotonic() + seconds
        if not self._running.acquire(True, seconds):
            return False
        self._running.release()
        while os.path.exists(f"/proc/self/task/{self.native_id}") and time.monotonic() < deadline:
            time.sleep(0.0001)
        return True

    def _run(self) -> None:
        try:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
            with self._at_work:
                _name(self._name)
            with self._crashes:
                self._work()
        finally:
            self._running.release()


def _name(name: str) -> None:
    """Tell the kernel, too, who the calling thread is: `top -H` shows it (from 3.14 on Python does so itself).

    Not by a file: a daemon may close all that it finds and open others, and what we write must not get into those.
    """
    if sys.version_info >= (3, 14):
        return
    try:
        import ctypes  # noqa: PLC0415

        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)
    except Exception:  # noqa: S110 - an interpreter that was built without, or an audit hook that refuses
        pass
