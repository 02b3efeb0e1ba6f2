"""The lock that many readers or one writer can hold.

It is separate because diagnosis knows it: the probe reads `_holders` to say who keeps a waiting thread waiting.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from types import TracebackType


class Locker(Protocol):
    """What can be locked and unlocked: an `RWMutex`, and one side of it."""

    def lock(self) -> object:
        """Block until it is ours."""

    def unlock(self) -> object:
        """Let the next one have it."""


class Holder(NamedTuple):
    """Who holds a lock: the thread that took it, the name that it gave itself, and whether it writes."""

    ident: int
    owner: str
    writes: bool


class _Waiter:
    """One thread in the queue; its gate opens when the lock has been made its own."""

    __slots__ = ("gate", "holder")

    def __init__(self, holder: Holder) -> None:
        self.holder = holder
        self.gate = threading.Lock()
        self.gate.acquire()


class RWMutex:
    """Many readers or one writer; `with mutex:` writes, `with mutex.rlocker():` reads.

    Not reentrant, for reading neither: a reader that asks again while a writer waits would wait for itself. What is
    unlocked goes to its next holder at once, so that nobody who comes later overtakes.

    Args:
        name: what diagnosis calls it; without one it is named by where it is kept.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._guard = threading.Lock()  # never held while anybody waits
        # All below is guarded by _guard; the holders are also read without it, by diagnosis.
        # While nobody holds the lock nobody waits for it.
        self._holders: list[Holder] = []
        self._writers: deque[_Waiter] = deque()
        self._readers: deque[_Waiter] = deque()

    def lock(self, owner: str = "") -> None:
        """Block until no one else holds it, then write; `owner` is who we say that we are."""
        self._take(Holder(threading.get_ident(), owner, writes=True), wait=True)

    def try_lock(self, owner: str = "") -> bool:
        """Lock it for writing if that needs no waiting; tell whether it did."""
        return self._take(Holder(threading.get_ident(), owner, writes=True), wait=False)

    def unlock(self) -> None:
        """End writing.

        Raises:
            RuntimeError: nobody writes.
        """
        self._release(writes=True)

    def rlock(self, owner: str = "") -> None:
        """Block until nobody writes or waits to write, then read."""
        self._take(Holder(threading.get_ident(), owner, writes=False), wait=True)

    def try_rlock(self, owner: str = "") -> bool:
        """Lock it for reading if that needs no waiting; tell whether it did."""
        return self._take(Holder(threading.get_ident(), owner, writes=False), wait=False)

    def runlock(self) -> None:
        """End reading once.

        Raises:
            RuntimeError: nobody reads.
        """
        self._release(writes=False)

    def locker(self, owner: str = "") -> _Side:
        """The writing side under an owner's name, as a `Locker` and a context manager."""
        return _Side(self, owner, writes=True)

    def rlocker(self, owner: str = "") -> _Side:
        """The reading side, as a `Locker` and a context manager."""
        return _Side(self, owner, writes=False)

    def holders(self) -> tuple[Holder, ...]:
        """Who holds it now."""
        with self._guard:
            return tuple(self._holders)

    def __enter__(self) -> None:
        self.lock()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.unlock()

    def __repr__(self) -> str:
        holders = self.holders()
        state = "unlocked" if not holders else "writing" if holders[0].writes else f"{len(holders)} reading"
        who = ", ".join(holder.owner or f"thread {holder.ident}" for holder in holders)
        return f"<RWMutex {self.name + ' ' if self.name else ''}{state}{': ' + who if who else ''}>"

    def _take(self, holder: Holder, *, wait: bool) -> bool:
        with self._guard:
            held = self._holders
            if not held or not (holder.writes or held[0].writes or self._writers):
                held.append(holder)
                return True
            if not wait:
                return False
            waiter = _Waiter(holder)
            (self._writers if holder.writes else self._readers).append(waiter)
        self._wait(waiter)
        return True

    def _wait(self, waiter: _Waiter) -> None:
        try:
            waiter.gate.acquire()
        except BaseException:
            self._call_off(waiter)
            raise

    def _call_off(self, waiter: _Waiter) -> None:
        """Leave the queue, or let go of what has just become ours."""
        with self._guard:
            queue = self._writers if waiter.holder.writes else self._readers
            if waiter in queue:
                queue.remove(waiter)
                self._let_in(readers_first=False)
            else:
                self._holders.remove(waiter.holder)
                self._let_in(readers_first=waiter.holder.writes)

    def _release(self, *, writes: bool) -> None:
        ident = threading.get_ident()
        with self._guard:
            held = self._holders
            if not held or held[0].writes is not writes:
                raise RuntimeError(f"{'unlock' if writes else 'runlock'} of an RWMutex that nobody has locked so")
            # Its own hold where it has one; who unlocks for another ends the oldest.
            index = next((index for index, holder in enumerate(held) if holder.ident == ident), 0)
            del held[index]
            self._let_in(readers_first=writes)

    def _let_in(self, *, readers_first: bool) -> None:
        """Hand the lock on to who may have it now. The caller holds _guard."""
        held = self._holders
        if held and held[0].writes:
            return
        if self._readers and (readers_first or not self._writers):
            held.extend(waiter.holder for waiter in self._readers)
            for waiter in self._readers:
                waiter.gate.release()
            self._readers.clear()
        elif self._writers and not held:
            waiter = self._writers.popleft()
            held.append(waiter.holder)
            waiter.gate.release()


class _Side:
    """One side of a mutex. It has no state, so one object serves any number of threads."""

    __slots__ = ("_mutex", "_owner", "_writes")

    def __init__(self, mutex: RWMutex, owner: str, *, writes: bool) -> None:
        self._mutex = mutex
        self._owner = owner
        self._writes = writes

    def lock(self) -> None:
        """Block until this side is ours."""
        (self._mutex.lock if self._writes else self._mutex.rlock)(self._owner)

    def unlock(self) -> None:
        """End it.

        Raises:
            RuntimeError: nobody has locked this side.
        """
        (self._mutex.unlock if self._writes else self._mutex.runlock)()

    def __enter__(self) -> None:
        self.lock()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.unlock()
