"""What the hooks have told of: groups of crashes, filled in threads of the service, added up in threads of ours.

It is separate from the hooks, which know where crashes are to be seen. A hook may run inside a collection, a handler
of a signal, or another hook, so nothing here waits: whatever the service's threads do is one step of the interpreter at
a time, and the lock is taken by threads of ours only.

- A group is what has the same type and place. Its frames are read when it is first told of.
- No reference to an exception, a traceback or a frame is kept.
- An exception counts once, whichever hooks tell of it: it is put down to the most telling one.
"""

from __future__ import annotations

import itertools
import threading
import time
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any

from ..sensors.places import instance_dict, text
from .facts import FRAMES, Key, describe, describe_text, key_of, places_of, stack_of
from .guard import Guard, is_ours, is_own_file
from .kinds import MUTATION, NIL, OTHER, is_error, kind_of, message_of, roots, traceback_of, type_of
from .known import Known
from .operand import enters_none, may_enter_none, used_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SILENT = "sys.monitoring"  # who sees what is swallowed in silence
_GROUPS = 128  # all of them fit into one answer
_OTHERS = 96  # of other kinds, so that there is room for those that are looked for
_EVENTS = 16384
_RAISED = 12288
_EXCEPTIONS = 4096
_LOGGERS = 4
_THREADS = 8
_IDENTS = 256
# From the least telling on.
_RANKS = {name: rank for rank, name in enumerate((
    SILENT, "logging", "multiprocessing.pool", "concurrent.futures", "sys.unraisablehook", "asyncio",
    "threading.excepthook", "sys.excepthook",
))}  # fmt: skip

# Called with (exception, traceback) at once, in the thread that tells of a collection that changed while it was
# iterated over; on 3.12 and later that is where it is raised.
observers: list[Callable[[BaseException, TracebackType | None], object]] = []


class Group:
    """Crashes of one type and place. What is read of the first is written by its thread, the rest by ours."""

    def __init__(self, number: int, kind: str, exc: BaseException, frames: list[dict[str, Any]]) -> None:
        self.number = number
        self.kind = kind
        self.type = type_of(exc)
        self.message = "" if kind == OTHER else message_of(exc)
        self.frames = frames
        spots = stack_of(exc) if kind == NIL else []
        self.used = used_at(spots[0], message_of(exc)) if spots else None
        self.sequence = 0
        self.count = 0
        self.ended = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self.by: dict[str, int] = {}
        self.loggers: list[str] = []
        self.threads: list[str] = []
        self.idents: set[int] = set()  # of threads whose name was asked for; each thread adds its own

    def count_more(self, by: str, at: float, more: int = 1) -> None:
        """Count one more, or several."""
        self.count += more
        self.by[by] = self.by.get(by, 0) + more
        self.first_at = self.first_at or at
        self.last_at = at

    def move_one(self, by: str, to: str) -> None:
        """Put one that was counted down to a hook that tells more."""
        if _RANKS[to] > _RANKS[by]:
            self.by[by] -= 1
            self.by[to] = self.by.get(to, 0) + 1

    def describe(self) -> dict[str, Any]:
        """The group, fit for JSON."""
        return {
            "number": self.number, "sequence": self.sequence, "type": self.type, "message": self.message,
            "kind": self.kind, "count": self.count, "ended": self.ended,
            "first_at": self.first_at, "last_at": self.last_at,
            "by": {name: count for name, count in self.by.items() if count},
            "loggers": self.loggers, "threads": self.threads, "frames": self.frames, "used": self.used,
        }  # fmt: skip


class _Told:
    """An exception that was told of, by its number: where it was counted, and whether it has ended anything."""

    __slots__ = ("by", "ended", "group")

    def __init__(self, group: Group, by: str) -> None:
        self.group = group
        self.by = by
        self.ended = False


class Store:
    """See the module. `tell` and `raised` are for the hooks, the rest is for threads of ours."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self.guard = Guard()
        self.sees_raises = False  # every exception is told of when it is raised
        self.lost = 0
        self.told_s = 0.0  # what telling has used up in threads of the service
        self._groups: dict[Key, Group] = {}
        self._numbers = itertools.count(1)
        self._known = Known(now)
        self.events: deque[Any] = deque(maxlen=_EVENTS)  # (group, …), or a group: one that was raised
        self._lock = threading.Lock()  # guards all below
        self._told: dict[int, _Told] = {}
        self._sequence = 0

    # In threads of the service.

    def tell(self, by: str, exc: BaseException, *, ended: bool = False, logger: str = "") -> None:
        """Note an exception that a hook has seen, or those that it comes of."""
        started = time.thread_time()  # dearer than a clock, and who waits meanwhile for the interpreter costs nothing
        for root in roots(exc):
            group = self.group_of(root)
            if group is not None:
                self.append(self.event(group, by, root, ended=ended, logger=logger))
                if group.kind == MUTATION and not self.sees_raises:
                    self._observe(root)
        self.told_s += time.thread_time() - started

    def event(self, group: Group, by: str, exc: BaseException, *, ended: bool, logger: str = "") -> tuple[Any, ...]:
        """What there is to note of an exception that was seen in the calling thread."""
        number = self._known.number(exc, by)
        return group, self._now(), _thread_name(get_ident()), by, number, ended, text(logger)

    def raised(self, group: Group, exc: BaseException) -> None:
        """Note that an exception of a group has been raised."""
        ident, name = get_ident(), ""
        if ident not in group.idents:
            if len(group.idents) < _IDENTS:
                group.idents.add(ident)
            name = _thread_name(ident)
        group.last_at = self._now()
        if name:
            self.append((group, group.last_at, name))
        else:
            self.append_raised(group)
        if group.kind == MUTATION:
            self._observe(exc)

    def group_of(self, exc: BaseException) -> Group | None:
        """The group of an exception; None where it is none to count, or there are too many groups."""
        kind = kind_of(exc)
        if kind == OTHER and may_enter_none(message_of(exc)) and enters_none(stack_of(exc)):
            kind = NIL
        if kind == OTHER and not is_error(exc):
            return None
        type_name, remote = type_of(exc), describe_text(_remote_traceback(exc))
        key = key_of(type_name, [(each["file"], each["line"]) for each in remote] + places_of(exc))
        group = self._groups.get(key)
        if group is None and not is_own_file(key[3]):
            if len(self._groups) >= (_OTHERS if kind == OTHER else _GROUPS):
                self.lost += 1
                return None
            group = Group(next(self._numbers), kind, exc, (remote + describe(stack_of(exc)))[:FRAMES])
            group = self._groups.setdefault(key, group)
        return group

    def append_raised(self, group: Group) -> None:
        """Note that one more has been raised; what is told of has more room than this."""
        if len(self.events) < _RAISED:
            self.events.append(group)
        else:
            self.lost += 1

    def append(self, event: Any) -> None:
        """Note it."""
        self.lost += len(self.events) == _EVENTS
        self.events.append(event)

    def _observe(self, exc: BaseException) -> None:
        for observer in observers.copy():
            try:
                observer(exc, traceback_of(exc))
            except BaseException as failure:
                if not is_ours(failure):
                    raise
                self.guard.crashes.note(failure)

    # In threads of ours.

    @property
    def buffered(self) -> int:
        """What is not yet added up, and groups."""
        return len(self.events) + len(self._groups)

    def data(self, since: int) -> dict[str, Any]:
        """The groups that have changed after number `since`."""
        with self._lock:
            self._fold()
            groups = sorted(self._groups.copy().values(), key=lambda group: group.sequence)
            return {
                "groups": [group.describe() for group in groups if group.sequence > since],
                "sequence": self._sequence,
            }

    def fold(self) -> None:
        """Add up what was noted."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        raised: dict[Group, int] = {}
        for _ in range(len(self.events)):  # what comes meanwhile is for the next time
            event = self.events.popleft()
            if type(event) is Group:
                raised[event] = raised.get(event, 0) + 1
                continue
            self._count(raised)  # what is told of was raised before
            group, at, thread, *told = event
            _add(group.threads, thread, _THREADS)
            if told:
                self._account(group, at, *told)
            else:
                group.count_more(SILENT, at)
            self._changed(group)
        self._count(raised)

    def _count(self, raised: dict[Group, int]) -> None:
        for group, count in raised.items():
            group.count_more(SILENT, group.last_at, count)
            self._changed(group)
        raised.clear()

    def _changed(self, group: Group) -> None:
        self._sequence += 1
        group.sequence = self._sequence

    def _account(self, group: Group, at: float, by: str, number: int, ended: bool, logger: str) -> None:
        told = self._told.get(number)
        if told is None or told.group is not group:
            told = self._told[number] = _Told(group, by)
            if len(self._told) > _EXCEPTIONS:
                del self._told[next(iter(self._told))]
            if group.by.get(SILENT):  # it was counted when it was raised
                group.move_one(SILENT, by)
            else:
                group.count_more(by, at)
        elif _RANKS[by] > _RANKS[told.by]:
            group.move_one(told.by, by)
            told.by = by
        group.ended += ended and not told.ended
        told.ended = told.ended or ended
        _add(group.loggers, logger, _LOGGERS)


def _thread_name(ident: int) -> str:
    """The name of a thread that is alive; its attributes are read without asking it."""
    return text(instance_dict(threading._active.get(ident)).get("_name"))  # type: ignore[attr-defined]


def _add(names: list[str], name: str, most: int) -> None:
    if name and name not in names and len(names) < most:
        names.append(name)


def _remote_traceback(exc: BaseException) -> str:
    """What the interpreter has made of the traceback of an exception that comes from another process."""
    cause = BaseException.__dict__["__cause__"].__get__(exc)
    if cause is None or type_of(cause) not in _REMOTE:
        return ""
    found = instance_dict(cause).get("tb")
    return found if type(found) is str else ""


_REMOTE = frozenset({"concurrent.futures.process._RemoteTraceback", "multiprocessing.pool.RemoteTraceback"})
