"""Updates that were lost: a thread read a value, another one wrote it, and the first wrote what it made of the old one.

Reads must be seen for that, which no dict does for free: so it is asked for (`reads=True`), and the object then gets a
class of its own, whose reads are noted. All its writes are looked at, too, not only the first of each turn.

A read and a write belong together if they stand in the same call of the same function. That the value written was made
of the one read is not seen; nor are updates through a helper that reads and returns.

- Only keys of built-in types are followed: others would have to be compared by their own code.
- Bounded: the latest reads and writes of so many keys are known, and all are forgotten when there are more.

Separate from `state`, which never sees a read.
"""

from __future__ import annotations

import functools
import time
from _thread import get_ident
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ..sensors.places import place
from . import effects
from .evidence import NO_KEY, Moment, Side, moment, service_frame, thread_name
from .ledger import LOST
from .maps import GuardedMap, GuardedOrderedDict

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from .effects import Effect
    from .ledger import Conflict
    from .state import Guard

MOST_KEYS = 1024
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


class Read(NamedTuple):
    """The last read of a key by a thread: after how many writes, and where."""

    version: int
    frame: int
    code: CodeType
    line: int
    at: float


class Written(NamedTuple):
    """The last write of a key: which one, and by whom."""

    version: int
    moment: Moment


class Updates:
    """The latest reads and writes of one object.

    What is noted is so ordered that a write which comes in between is missed rather than blamed: a read's version is
    taken after it, a write's before it.
    """

    def __init__(self) -> None:
        self._reads: dict[tuple[int, Any], Read] = {}
        self._written: dict[Any, Written] = {}
        self._versions = count(1)
        self.version = 0  # of the last write

    def note_read(self, key: object, version: int) -> None:
        """A key was read by the calling thread, when there was that version."""
        frame = service_frame()
        if frame is None or not _is_plain(key):
            return
        if len(self._reads) >= MOST_KEYS:
            self._reads = {}
        read = Read(version, id(frame), frame.f_code, frame.f_lineno or 0, time.perf_counter())
        self._reads[get_ident(), key] = read

    def note_write(self, target: Any, effect: Effect, arguments: tuple[Any, ...], guard: Guard) -> list[Conflict]:
        """Keys are about to be written by the calling thread; return the conflicts if that loses updates."""
        frame, found = service_frame(), []
        now = moment(frame)
        self.version = version = next(self._versions)
        for key in _keys(target, effect, arguments):
            if not _is_plain(key):
                continue
            lost = self._lost(target, key, frame, now, guard)
            found.extend([lost] if lost is not None else [])
            if len(self._written) >= MOST_KEYS:
                self._written = {}
            self._written[key] = Written(version, now)
        return found

    def _lost(self, target: Any, key: Any, frame: FrameType | None, now: Moment, guard: Guard) -> Conflict | None:
        read, written = self._reads.pop((now.side.ident, key), None), self._written.get(key)
        if read is None or written is None or frame is None or written.version <= read.version:
            return None
        if written.moment.side.ident == now.side.ident or (read.frame, read.code) != (id(frame), frame.f_code):
            return None
        side = Side(thread_name(now.side.ident), now.side.ident, read.at, (place(read.code, read.line),))
        return guard.conflict(target, LOST, key, now, other=written.moment, reads=Moment(side, (read.code,)))


def _keys(target: Any, effect: Effect, arguments: tuple[Any, ...]) -> list[Any]:
    """The keys that a write is about."""
    key = effects.key_of(effect, arguments)
    if key is not NO_KEY:
        return [key]
    if effect is effects.merge and arguments and isinstance(arguments[0], dict):
        return list(arguments[0])[:MOST_KEYS]
    return list(target)[:MOST_KEYS] if effect is effects.empty else []


def _is_plain(key: object) -> bool:
    return type(key) in _PLAIN or (type(key) is tuple and all(type(each) in _PLAIN for each in key))


def watching_reads(target: Any) -> None:
    """Have a guarded map's reads watched from now on; a set has no values, so that no update of one can be lost."""
    if isinstance(target, (GuardedMap, GuardedOrderedDict)) and target._guard.updates is None:
        target._guard.watch(target, Updates())
        target.__class__ = _watching(type(target))


@functools.lru_cache(maxsize=64)
def _watching(kind: type) -> type:
    """The subclass whose reads are watched; it is called what `kind` is, and copies and pickles as that."""
    methods: dict[str, Any] = {name: _reading(kind, name) for name in ("__getitem__", "__contains__", "get")}
    about = {"__slots__": (), "__module__": kind.__module__, "__qualname__": kind.__qualname__, "_plain": kind}
    return type(kind.__name__, (kind,), {**about, **methods})


def _reading(kind: type, name: str) -> Any:
    plain = getattr(kind, name)

    def method(self: Any, key: Any, /, *arguments: Any, **named: Any) -> Any:
        updates = self._guard.updates
        try:
            return plain(self, key, *arguments, **named)
        finally:
            if updates is not None:
                self._guard.after_read(key, updates.version)

    return functools.update_wrapper(method, plain)
