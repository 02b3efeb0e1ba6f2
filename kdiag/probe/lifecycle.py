"""The life of a probe in its process: comes, serves hosts, and leaves without a trace.

It is separate from `server`, which knows connections and nothing of what is asked: here is the order in which
everything is taken away again. `methods` says what hosts can ask for.

A probe stays until its last host says goodbye, one says `leave`, or no host has been heard of for a lease. One that
was injected then takes everything away. One that was there from the start gives its door back to its keeper.
"""

from __future__ import annotations

import _socket
import _thread
import atexit
import os
import sys
import time

from . import fork
from .boot import close_door
from .cost import Cost
from .crashes import Crashes
from .door import DOOR, open_own_door
from .methods import answer
from .sensing import Sensing
from .server import Server
from .worker import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fatal_signals import FatalSignals
    from .loading import Loaded

LEASE_S = 10.0
PAUSE_WITHIN_S = 0.2  # how long a fork waits for each of our threads to end
END_WITHIN_S = 1.0  # and for one that is ending
# From then on Python warns a process that forks and has more than one thread. (3.13.0 counts them after we have come
# back, so there the warning cannot be avoided.)
WARNS_OF_THREADS = (3, 12)
THREAD_NAME = "kdiag-probe"


class Probe:
    """The probe of this process."""

    def __init__(self, folder: str, listener: Any, options: dict[str, Any], loaded: Loaded | None = None) -> None:
        self.folder = folder
        self.listener = listener
        self.options = options
        self.loaded = loaded  # None for a probe that was there from the start
        self.pid = os.getpid()
        self.boot_threads = (0, 0)  # the one that ran the text, and the one that it started; native ids
        self.follow_children = False
        self.leaving = False
        self._turn = _thread.allocate_lock()
        self._pausing = False  # guarded by _turn; a fork wants our threads to end, and starts them anew
        self._ended = False  # guarded by _turn; the server's thread has
        self._worker: Worker | None = None  # None in a visit: then the thread is the keeper's
        self.crashes = Crashes()
        self.cost = Cost()
        turn = _thread.allocate_lock()
        self._serving, looking = self._at_work = (fork.AtWork(turn), fork.AtWork(turn))
        self.sensing = Sensing(self.cost, self.crashes, looking)
        self.signals: FatalSignals | None = None  # of one that was there from the start, its keeper's are armed
        self.server = Server(
            listener, lambda host, request: answer(self, host, request), self.crashes, options["lease_s"], self._serving
        )

    def start(self, guest: Any = None) -> None:
        """Serve in a thread of its own, `guest` first, and then take everything away.

        Raises:
            RuntimeError: the process can have no more threads.
        """
        atexit.register(self._at_exit)
        fork.register(self)
        try:
            if guest is not None:
                self.server.admit(guest)
            self._worker = Worker(THREAD_NAME, self._live, self.crashes, self._serving)
            self._worker.start()
        except BaseException:
            self._forget()
            raise

    def serve(self) -> None:
        """Serve until no host is left, in the calling thread."""
        with self.crashes:
            late = False
            while not self.leaving and self.server.reachable and not late:
                late = self.server.lease.expired
                self.server.turn(self.server.lease.left_s)
                late = late and self.server.lease.expired  # and nobody was heard when we looked once more
                self.cost.note_thread(THREAD_NAME)
                if self._ends_for_fork():
                    return
        self.leaving = True

    def before_fork(self) -> None:
        """Have our threads hold no descriptor that is not closed in a child."""
        self._end_threads()
        for each in self._at_work:
            each.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on where `before_fork` has paused."""
        for each in self._at_work:
            each.after_fork()
        with self._turn:
            self._pausing, ended = False, self._ended
            self._ended = False
        if ended and self._worker and self._worker.wait_for_end(END_WITHIN_S):
            self.sensing.pause(END_WITHIN_S)
            self.sensing.go_on()
            self._worker.start()

    def after_fork_in_child(self) -> None:
        """Let a forked child be clean, or give it a probe of its own; no lock of ours may be taken here.

        Our threads are not in the child, and one may have held any lock of ours when the fork came.
        """
        self._forget()
        self.sensing.abandon()
        if self.signals is not None:
            self.signals.abandon()
        self.server.close()  # the child's copies; the parent's door stays
        if not (self.follow_children and self.loaded and follow(self.options, self.loaded)) and self.loaded:
            self.loaded.unload()

    def _end_threads(self) -> None:
        """Let a process that has no thread but ours fork with one, as it would without us."""
        if self._worker is None or self.leaving or sys.version_info < WARNS_OF_THREADS:
            return
        ours = {str(each) for each in (*self.boot_threads, self._worker.native_id, self.sensing.native_id)}
        if len(set(os.listdir("/proc/self/task")) - ours) != 1:
            return
        with self._turn:
            self._pausing = True
        if self._knock() and self._worker.wait_for_end(PAUSE_WITHIN_S):
            self.sensing.pause(PAUSE_WITHIN_S)
            deadline = time.monotonic() + PAUSE_WITHIN_S  # for what is left of the boot threads
            while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < deadline:
                time.sleep(0.0001)

    def _ends_for_fork(self) -> bool:
        """Tell the server's thread whether it is to end now; then whoever forks starts it anew."""
        with self._turn:
            self._ended = self._pausing
            return self._ended

    def _live(self) -> None:
        with self.crashes, self._serving:
            self._arm()
        self.serve()
        if not self.leaving:
            return
        with self.crashes:
            self.sensing.stop()
        with self._serving:
            with self.crashes:
                self._disarm()
            with self.crashes:
                close_door(self.folder)
            if self.loaded:
                self.loaded.unload()
            self.server.close()  # so that a host that still listens knows when all is gone
            with self.crashes:
                self._forget()  # last of all: a child that is forked until now must still be cleaned

    def _forget(self) -> None:
        """Let neither a fork nor the end of the process call us any more."""
        fork.unregister(self)
        atexit.unregister(self._at_exit)

    def _knock(self) -> bool:
        """Wake the thread that waits for hosts; tell whether that was possible."""
        ourselves = _socket.socket(_socket.AF_UNIX)
        ourselves.setblocking(False)
        failed = ourselves.connect_ex(f"{self.folder}/{DOOR}")
        ourselves.close()
        return not failed

    def _arm(self) -> None:
        """Have fatal signals leave a word from now on, or go on with that after a fork."""
        from .fatal_signals import FatalSignals  # noqa: PLC0415 - not in the way of the first answers

        self.signals = self.signals or FatalSignals()
        self.signals.arm()

    def _disarm(self) -> None:
        signals, self.signals = self.signals, None
        if signals is not None:
            signals.disarm()

    def _leave_word(self) -> None:
        """Have a crash that ends the process leave its record; the keeper of a preloaded door does so itself."""
        if self.loaded is not None:
            from .postmortem import leave_record  # noqa: PLC0415

            leave_record()
            signals, self.signals = self.signals, None
            if signals is not None:
                signals.end()

    def _at_exit(self) -> None:
        if os.getpid() == self.pid:
            self.sensing.abandon()  # the interpreter takes itself apart now: nothing of ours may look at it
            with self.crashes:
                self._leave_word()
            close_door(self.folder)


def take_over(loaded: Loaded, folder: str, listener: Any, peer: Any, boot_thread: int) -> None:
    """Serve the door that stage 0 has opened, and the host that it has let in."""
    probe = Probe(folder, listener, loaded.options, loaded)
    probe.boot_threads = (boot_thread, _thread.get_native_id())
    probe.cost.note_thread("kdiag-boot")
    probe.start(peer)


def follow(options: dict[str, Any], loaded: Loaded) -> bool:
    """Open a door of a forked child's own, and serve it; False when it can have none."""
    door = open_own_door()
    if door is None:
        return False
    probe = Probe(door[0], door[1], options, loaded)
    probe.follow_children = True
    try:
        probe.start()
    except RuntimeError:
        close_door(door[0])
        door[1].close()
        return False
    return True


def serve_visit(kdiag: str, folder: str, listener: Any, peer: Any, lease_s: float = LEASE_S) -> None:
    """Serve the host that the keeper of a preloaded door has accepted, and all who come meanwhile.

    Returns in the same thread when no host is left: then all sensors are stopped, and the door is the keeper's again.
    """
    timeout = listener.gettimeout()
    probe = Probe(folder, listener, {"kdiag": kdiag, "lease_s": lease_s})
    atexit.register(probe._at_exit)
    fork.register(probe)
    try:
        probe.server.admit(peer)
        probe.serve()
    finally:
        with probe.crashes:
            probe.sensing.stop()
        probe._forget()
        probe.server.end_hosts()
        listener.settimeout(timeout)
