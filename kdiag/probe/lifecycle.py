"""The life of a probe in its process: comes, serves hosts, and leaves without a trace.

It is separate from `server`, which knows connections and nothing of what is asked: here is the order in which
everything is taken away again. `methods` says what hosts can ask for.

A probe stays until its last host says goodbye, one says `leave`, or no host has been heard of for a lease. One that
was injected then takes everything away. One that was there from the start gives its door back to its keeper.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # it is built in
import atexit
import os
import sys
import threading

from . import fork
from .boot import close_door
from .cost import Cost
from .crashes import Crashes
from .door import open_own_door
from .methods import answer
from .sensing import Sensing
from .server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loading import Loaded

LEASE_S = 10.0
THREAD_NAME = "kdiag-probe"


class Probe:
    """The probe of this process."""

    def __init__(self, folder: str, listener: Any, options: dict[str, Any], loaded: Loaded | None = None) -> None:
        self.folder = folder
        self.listener = listener
        self.options = options
        self.loaded = loaded  # None for a probe that was there from the start
        self.pid = os.getpid()
        self.boot_thread = 0
        self.follow_children = False
        self.leaving = False
        self.crashes = Crashes()
        self.cost = Cost()
        self.sensing = Sensing(self.cost, self.crashes)
        self.server = Server(
            listener, lambda host, request: answer(self, host, request), self.crashes, options["lease_s"]
        )

    def start(self, guest: Any = None) -> None:
        """Serve in a thread of its own, `guest` first, and then take everything away.

        Raises:
            RuntimeError: the process can have no more threads.
        """
        atexit.register(self._at_exit)
        fork.register(self.after_fork_in_child)
        try:
            if guest is not None:
                self.server.admit(guest)
            threading.Thread(target=self._live, name=THREAD_NAME, daemon=True).start()
        except BaseException:
            self._forget()
            raise

    def serve(self) -> None:
        """Serve until no host is left, in the calling thread."""
        with self.crashes:
            while not self.leaving and self.server.reachable:
                self.server.turn(self.server.lease.left_s)
                self.cost.note_thread(THREAD_NAME)
                self.leaving = self.leaving or self.server.lease.expired
        with self.crashes:
            self.sensing.stop()

    def after_fork_in_child(self) -> None:
        """Let a forked child be clean, or give it a probe of its own; no lock of ours may be taken here.

        Our threads are not in the child, and one may have held any lock of ours when the fork came.
        """
        self._forget()
        self.sensing.abandon()
        self.server.close()  # the child's copies; the parent's door stays
        if not (self.follow_children and self.loaded and follow(self.options, self.loaded)) and self.loaded:
            self.loaded.unload()

    def _live(self) -> None:
        sys.settrace(None)  # what `threading.settrace` of the service has set: we are none of its threads
        sys.setprofile(None)
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        self.serve()
        with self.crashes:
            self._forget()
        with self.crashes:
            close_door(self.folder)
        if self.loaded:
            self.loaded.unload()
        self.server.close()  # last, so that a host that still listens knows when all is gone

    def _forget(self) -> None:
        """Let neither a fork nor the end of the process call us any more."""
        fork.unregister(self.after_fork_in_child)
        atexit.unregister(self._at_exit)

    def _at_exit(self) -> None:
        if os.getpid() == self.pid:
            close_door(self.folder)


def take_over(loaded: Loaded, folder: str, listener: Any, peer: Any, boot_thread: int) -> None:
    """Serve the door that stage 0 has opened, and the host that it has let in."""
    probe = Probe(folder, listener, loaded.options, loaded)
    probe.boot_thread = boot_thread
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
    fork.register(probe.after_fork_in_child)
    try:
        probe.server.admit(peer)
        probe.serve()
    finally:
        fork.unregister(probe.after_fork_in_child)
        probe.server.end_hosts()
        listener.settimeout(timeout)
