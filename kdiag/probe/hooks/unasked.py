"""Results that are exceptions and that nobody asks for: they are told of when it is clear that nobody will.

It is separate because futures and results of pools differ only in what they are called. What there is to tell is read
when the result is set, for the exception may be gone with its result a moment later; only a weak reference to the
result is kept.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from ..sensors.places import instance_dict
from .chained import Placed
from .kinds import is_exception, roots, traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .store import Store

GRACE_S = 5.0  # for a result that somebody holds: he may ask for it yet
_PENDING = 1024
_ASKED = 256
_ASKING_S = 1.0  # whoever asks may be kept from waiting for so long


class _Pending:
    __slots__ = ("asked", "at", "depth", "events", "result")

    def __init__(self, result: Any, at: float, depth: int, events: list[tuple[Any, ...]], *, asked: bool) -> None:
        self.asked = asked  # perhaps: right before it failed
        self.result = weakref.ref(result)
        self.at = at
        self.depth = depth
        self.events = events


class Unasked:
    """Failed results, until somebody asks for them or nobody can any more; `by` is the hook's name."""

    def __init__(self, store: Store, by: str, field: str, now: Callable[[], float] = time.perf_counter) -> None:
        self._store = store
        self._by = by
        self._field = field  # where a result has its exception
        self._now = now
        self._pending: dict[int, _Pending] = {}  # by id of the result
        self._asked: deque[tuple[Any, float]] = deque(maxlen=_ASKED)  # for which that had not failed, and when

    def failed(self, result: object, exc: object) -> None:
        """A result is about to be set to an exception, in a thread of the service."""
        if not is_exception(exc):
            return
        if len(self._pending) >= _PENDING:
            self._store.lost += 1
            return
        events = []
        for root in roots(exc):
            group = self._store.group_of(root)
            if group is not None:
                events.append(self._store.event(group, self._by, root, ended=True))
        gone = self._pending.pop(id(result), None)  # one that is no more, and whose id is taken
        now = self._now()
        asked = any(each() is result and now - at < _ASKING_S for each, at in self._asked.copy())
        self._pending[id(result)] = _Pending(result, now, _depth(exc), events, asked=asked)
        if gone is not None and not gone.asked:
            self._tell(gone)

    def asked(self, result: object) -> None:
        """Somebody asks for a result: he has it now, or is about to wait for it."""
        pending = self._pending.get(id(result))
        if pending is not None and pending.result() is result:
            self._pending.pop(id(result), None)
        else:
            self._asked.append((weakref.ref(result), self._now()))

    def look(self) -> None:
        """Tell of those that nobody has asked for, in a thread of ours."""
        for number, pending in self._pending.copy().items():
            result = pending.result()
            if result is not None and self._now() - pending.at < GRACE_S:
                continue
            claimed = self._pending.pop(number, None)
            if claimed is not pending:  # asked for just now, and then another has the same id
                if claimed is not None:
                    self._pending[number] = claimed
                continue
            if not _was_told(pending, result, self._field):
                self._tell(pending)

    def forget(self) -> None:
        """Let go of all."""
        self._pending.clear()
        self._asked.clear()

    def _tell(self, pending: _Pending) -> None:
        for event in pending.events:
            self._store.append(event)


class ResultHook(Placed):
    """A hook of one kind of results; `field` is where such a result has its exception."""

    name: str
    field: str

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._unasked = Unasked(store, self.name, self.field)

    def remove(self) -> None:
        """Take it out."""
        super().remove()
        self._unasked.forget()

    def tick(self) -> None:
        """Tell of what nobody asked for."""
        self._unasked.look()


def waited_for(condition: object) -> bool:
    """Whether a thread waits at a condition now."""
    waiters = instance_dict(condition).get("_waiters")
    return waiters is not None and len(waiters) > 0


def _was_told(pending: _Pending, result: Any, field: str) -> bool:
    """Whether somebody has got it after all: who asked in time, but did not wait yet when it failed."""
    if result is None:
        return pending.asked
    return _depth(instance_dict(result).get(field)) > pending.depth  # whoever raises it again lets its traceback grow


def _depth(exc: object) -> int:
    depth = 0
    stack = traceback_of(exc) if is_exception(exc) else None
    while stack is not None:
        stack = stack.tb_next
        depth += 1
    return depth
