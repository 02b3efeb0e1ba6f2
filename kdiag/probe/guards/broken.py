"""Loops that are broken off: which object they walked through and, by its code, who writes to it.

It is found at once, in the thread that the hooks tell of the exception in: later the frames are gone. That thread is
the service's, so objects are looked for only as often as a share of a processor allows, and other stacks are looked at
twice a second for each object at most. What it uses up there the hooks count, which call it.

Separate from the sensor, which makes sense of what is noted here in a thread of ours. Nothing here holds on to an
object of the service's, nor waits.
"""

from __future__ import annotations

import time
from _thread import get_ident
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..hooks.facts import stack_of
from ..sensors.places import place, text
from .accounts import Side
from .found import find
from .looks import FRAMES, others, writer
from .named import again
from .writers import own_write

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ..hooks.facts import Spot
    from .named import Found
    from .watcher import Watcher

_SHARE = 0.001  # of one processor
_FIRST = 4  # how often each place is looked at in any case, by and by
_PLACES = 32
_LOOK_EVERY_S = 0.5  # for writers of one object by their code
_OBJECTS = 32
_OCCURRENCES = 256
_SAME_S = 0.02  # the same exception is told of again within this time

_Line = tuple[str, int]  # of a file


class Occurrence(NamedTuple):
    """A loop over a container was broken off: by whom, and whose code writes to it, as far as that was looked for."""

    address: int
    name: str
    kind: str
    again: Callable[[], Any]
    by: Side
    writer: Side | None


class Broken:
    """See the module. `on_mutation` is for threads of the service, the rest for threads of ours.

    Attributes:
        watcher: sees the writes to some objects themselves; those are not looked for.
        lost: loops that were not noted.
    """

    def __init__(
        self, now: Callable[[], float] = time.perf_counter, thread_time: Callable[[], float] = time.thread_time
    ) -> None:
        self.watcher: Watcher | None = None
        self.lost = 0
        self._now = now
        self._thread_time = thread_time
        self._started_at = now()
        self._used_s = 0.0  # of processor time
        self._latest: tuple[int, int, _Line, float] = (0, 0, ("", 0), 0.0)
        self._places: dict[_Line, tuple[int, float]] = {}  # how often it was looked at, and when last
        self._looked_at: dict[int, float] = {}  # by address
        self._occurrences: deque[Occurrence] = deque()

    def __len__(self) -> int:
        return len(self._occurrences)

    def take(self) -> list[Occurrence]:
        """Those that were noted since the last time."""
        return [self._occurrences.popleft() for _ in range(len(self._occurrences))]

    def on_mutation(self, exc: BaseException, _tb: TracebackType | None) -> None:
        """Note which object a loop was broken off for, and by now have its writers seen; called by the hooks."""
        started, now = self._thread_time(), self._now()
        spots = stack_of(exc)[:FRAMES]
        where = (spots[0].code.co_filename, spots[0].line) if spots else ("", 0)
        before, self._latest = self._latest, (id(exc), get_ident(), where, now)
        if before[:3] != self._latest[:3] or now - before[3] >= _SAME_S:
            if spots and self._affordable(where, now):
                self._note(exc, spots)
            else:
                self.lost += 1
        self._used_s += self._thread_time() - started

    def _affordable(self, place: _Line, now: float) -> bool:
        """Whether to look at one more: at the first of each place always, then as often as their share allows."""
        times, at = self._places.get(place, (0, now - _LOOK_EVERY_S))
        known = place in self._places or len(self._places) < _PLACES
        first = known and times < _FIRST and now - at >= _LOOK_EVERY_S
        within = len(self._occurrences) < _OCCURRENCES and self._used_s < _SHARE * (now - self._started_at)
        if known and (first or within):
            self._places[place] = times + 1, now
        return first or within

    def _note(self, exc: BaseException, spots: list[Spot]) -> None:
        found = find(exc, spots)
        if found is None:
            return
        by = Side(get_ident(), time.perf_counter_ns(), tuple(place(spot.code, spot.line) for spot in spots))
        own = own_write([spots[0].frame], found.value, spots[0].offset)
        handle, kind = again(found), text(type(found.value).__name__)
        writes = by if own else self._by_code(found.value)
        self._occurrences.append(Occurrence(id(found.value), found.name, kind, handle, by, writes))
        self._watch(found, handle)

    def _watch(self, found: Found, handle: Callable[[], Any]) -> None:
        watcher = self.watcher
        if watcher is not None and isinstance(found.value, dict) and not watcher.watches(id(found.value)):
            watcher.watch(found.value, handle)

    def _by_code(self, value: Any) -> Side | None:
        """Whose code writes to the object, at this moment; not looked for where the writes themselves are seen."""
        now, address = self._now(), id(value)
        if self.watcher is not None and self.watcher.watches(address):
            return None
        if now - self._looked_at.get(address, -_LOOK_EVERY_S) < _LOOK_EVERY_S:
            return None
        if len(self._looked_at) >= _OBJECTS:
            self._looked_at = {}
        self._looked_at[address] = now
        return writer(others(get_ident()), value)
