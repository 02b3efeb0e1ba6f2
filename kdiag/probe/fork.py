"""Who wants to know of forks hangs on a list; `boot.at_fork` makes what reads it, once for the life of the process.

It is separate because not all who come and go have a door.
"""

from __future__ import annotations

import _thread

from .boot import at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from typing import Protocol

    class Forked(Protocol):
        """Whoever wants to know of forks. No lock may be waited for: a thread that is gone may have held it."""

        def before_fork(self) -> None:
            """In the process that is about to fork."""

        def after_fork_in_parent(self) -> None:
            """In the same process, afterwards."""

        def after_fork_in_child(self) -> None:
            """In its child."""


SLOT = "_kdiag_at_fork"
WAITS_S = 0.2  # a fork, for each of our threads
WORKS_ANYWAY_S = 1.0


class AtWork:
    """Held by a thread of ours while it may have a descriptor that nobody else knows of, so that no child gets it.

    Each waits for the other, but not for long: our thread may be in a finalizer of the service's, and an exception of a
    signal's handler may end the fork's part half-way.

    Those that are given the same `turn` work one at a time. Who waits for it does not want the interpreter: if two of
    ours wanted it, a thread of the service's would get it after each of them had had it for a switch interval, or two.
    """

    def __init__(self, turn: LockType | None = None) -> None:
        self._turn = turn or _thread.allocate_lock()
        self._turn_of = 0  # the thread of ours that has it
        self._lock = _thread.allocate_lock()
        self._worker = 0  # the thread of ours that is at work
        self._forker = 0  # the thread that keeps it out

    def __enter__(self) -> None:
        if self._turn.acquire(True, WORKS_ANYWAY_S):
            self._turn_of = _thread.get_ident()
        if self._lock.acquire(True, WORKS_ANYWAY_S):
            self._worker = _thread.get_ident()

    def __exit__(self, *_: object) -> None:
        if self._worker == _thread.get_ident():
            self._worker = 0
            self._lock.release()
        if self._turn_of == _thread.get_ident():
            self._turn_of = 0
            self._turn.release()

    def before_fork(self) -> None:
        """Wait until our thread is not at work, and keep it out; a finalizer that forks in it does not."""
        ourselves = _thread.get_ident()
        if self._worker != ourselves and self._lock.acquire(True, WAITS_S):
            self._forker = ourselves

    def after_fork(self) -> None:
        """Let it in again, on both sides, if it was this thread that kept it out."""
        if self._forker == _thread.get_ident():
            self._forker = 0
            self._lock.release()


def register(who: Forked) -> None:
    """Have every fork tell `who`, until that is unregistered."""
    at_fork().append(who)


def unregister(who: Forked) -> None:
    """Have it told no more."""
    slot = at_fork()
    if who in slot:
        slot.remove(who)
