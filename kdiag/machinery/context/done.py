"""The tree along which an end travels: one node for each context that can end, and one for each subscriber.

It is separate from the contexts because a node must not refer to its context: then nothing here is cyclic garbage,
and the collector of the service that we run in has nothing to do with us.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..runtime import handle_crash
from .errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Done:
    """The event that is set when a context ends, what a receive-only channel is to Go; only the context can set it.

    Every node of a tree has ended before its parent has: who sees a context done finds its descendants done.
    """

    __slots__ = ("__weakref__", "_cause", "_children", "_err", "_event", "_lock", "_on_end", "_parent")

    def __init__(self, parent: Done | None = None, on_end: Callable[[], object] | None = None) -> None:
        # Shared by the whole tree, so that a subtree ends as one. It is held for no longer than it takes to mark the
        # nodes, and no code of others runs under it.
        self._lock: threading.Lock = parent._lock if parent is not None else threading.Lock()
        # All below is guarded by _lock. _err and _event are set once (_cause before _err) and also read without it.
        self._err: Exception | None = None
        self._cause: BaseException | None = None
        self._parent: Done | None = None  # none once ended: then the parent has forgotten this node too
        self._children: dict[Done, None] = {}  # in the order of their creation; empty once ended
        self._event: threading.Event | None = None  # made when somebody first waits
        self._on_end: tuple[Callable[[], object], ...] = () if on_end is None else (on_end,)
        if parent is not None:
            self._attach(parent)

    def is_set(self) -> bool:
        return self._err is not None

    def wait(self, timeout: float | None = None) -> bool:
        if self._err is not None:
            return True
        event = self._event
        if event is None:
            with self._lock:
                if self._err is not None:
                    return True
                if self._event is None:
                    self._event = threading.Event()
                event = self._event
        return event.wait(timeout)

    def subscribe(self, f: Callable[[], object]) -> Callable[[], bool]:
        """Call `f` when this is set, in the thread that sets it (see `events.subscribe`)."""
        return Done(self, f).forget

    @property
    def err(self) -> Exception | None:
        """Why it ended; None before."""
        return self._err

    @property
    def cause(self) -> BaseException | None:
        """What was behind it, `err` itself where no more is known; None before."""
        return self._cause if self._err is not None else None

    def end(self, err: Exception, cause: BaseException | None = None) -> bool:
        """End this node and all its descendants, then tell who subscribed; False when it had ended before."""
        with self._lock:
            if self._err is not None:
                return False
            self._leave_parent()
            told = self._mark(err, cause or err)
        _tell(iter(told))
        return True

    def at_end(self, f: Callable[[], object]) -> None:
        """Call `f` once this has ended, at once if it has: what releases the resources that could have ended it."""
        with self._lock:
            if self._err is None:
                self._on_end += (f,)
                return
        f()

    def forget(self) -> bool:
        """End this node without telling anybody; False when it had ended before."""
        with self._lock:
            if self._err is not None:
                return False
            self._on_end = ()
            self._leave_parent()
            self._mark(Cancelled(), None)
            return True

    def _attach(self, parent: Done) -> None:
        with self._lock:
            if parent._err is None:
                self._parent = parent
                parent._children[self] = None
                return
        self.end(parent._err, parent._cause)

    def _leave_parent(self) -> None:
        if self._parent is not None:
            self._parent._children.pop(self, None)
            self._parent = None

    def _mark(self, err: Exception, cause: BaseException | None) -> list[Callable[[], object]]:
        """Mark the subtree as ended, leaves first; return whom to tell, root first. The caller holds _lock."""
        subtree = [self]
        for node in subtree:  # it grows while we walk: no recursion, a tree may be deeper than the stack
            subtree.extend(node._children)
        for node in reversed(subtree):
            node._parent = None
            node._children.clear()
            node._cause = cause
            node._err = err
            if node._event is not None:
                node._event.set()
        told = [f for node in subtree for f in node._on_end]
        for node in subtree:
            node._on_end = ()
        return told


def _tell(told: Iterator[Callable[[], object]]) -> None:
    try:
        for on_end in told:
            with handle_crash(really_crash=False):
                on_end()
    except BaseException:  # one that ends quietly, Ctrl-C in the midst of it: the others are told first
        _tell(told)
        raise
