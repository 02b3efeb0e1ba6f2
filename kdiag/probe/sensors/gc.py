"""What the cyclic garbage collector does: how long, how often, for how much, and whose allocations start it.

The callbacks that we put into `gc.callbacks` run no Python code. They are put together from functions written in C,
for two reasons:

- Python runs signal handlers at the start of Python functions. A signal that arrived during a collection would run
  its handler inside of our callback, and the exception that the handler raises (SystemExit on SIGTERM, say) would be
  printed and lost there, since a callback's exceptions go nowhere: with a callback in Python, a program that collects
  half of the time misses half of its signals.
- Another thread could run inside of our callback, and its time would count as the collector's.

So a callback only appends to a bounded deque, and `tick` makes sense of it in a thread of ours. Only one collection
runs at a time in an interpreter, so its moments never mix.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from _thread import get_ident
from collections import deque
from functools import partial
from operator import attrgetter
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from .places import Place, place, thread_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EVENTS = 8192  # about two thousand collections between two ticks
_TRIALS = 10
_DEAR_THREADS = 64
_FRAMELESS_RAISES = sys.version_info >= (3, 11)
_PLACES = 64
_PAUSES = 128
_LONG_NS = 10_000_000
_BUCKETS = 64  # a pause of n ns counts in bucket n.bit_length()

_NEAR = attrgetter("f_code", "f_lineno")
# Fails on a shallow stack; the callers are then unknown.
_FAR = attrgetter(
    "f_back.f_code", "f_back.f_lineno", "f_back.f_back.f_code", "f_back.f_back.f_lineno",
    "f_back.f_back.f_back.f_code", "f_back.f_back.f_back.f_lineno",
)  # fmt: skip


class _Latest:
    """The `info` that the collector gave to the callbacks last, by phase."""

    __slots__ = ("start", "stop")

    def __init__(self) -> None:
        self.start: dict[str, int] = {}
        self.stop: dict[str, int] = {}


class CollectorSensor:
    """See the module. Numbers are exact since `start`, unless `dropped` says that some collections were missed."""

    name = "gc"

    def __init__(self) -> None:
        self._events: deque[tuple[Any, ...]] = deque(maxlen=_EVENTS)  # filled by the callbacks
        self._callbacks: tuple[Callable[..., object], ...] = ()
        self._moment: Any = None  # the class whose properties take note
        self._call_s = 0.0
        self._lock = threading.Lock()  # guards all below; only threads of ours take it, never a callback
        self._since_ns = 0
        self._before: list[dict[str, int]] = []
        self._spent_ns = [0, 0, 0]
        self._longest_ns = [0, 0, 0]
        self._seen = [0, 0, 0]
        self._asked = 0
        self._histogram = [0] * (_BUCKETS + 1)
        self._places: dict[tuple[int, tuple[Place, ...]], list[int]] = {}
        self._unplaced = 0
        self._pauses: deque[dict[str, Any]] = deque(maxlen=_PAUSES)
        self._sequence = 0
        self._current: _Collection | None = None

    def start(self) -> None:
        """Hook in, behind all others."""
        self._call_s = _call_s()
        self._before = gc.get_stats()
        self._since_ns = time.perf_counter_ns()
        self._moment, *callbacks = _hooks(self._events)
        self._callbacks = tuple(callbacks)
        gc.callbacks.extend(self._callbacks)

    def stop(self) -> None:
        """Unhook. The collector walks its list by index: not while a collection is under way, as far as we know."""
        for _ in range(50):
            if not self._under_way():
                break
            time.sleep(0.001)
        for callback in self._callbacks:
            _remove(gc.callbacks, callback)
        self._callbacks = ()
        self._events.clear()

    def tick(self) -> None:
        """Account for the collections since the last time."""
        with self._lock:
            self._drain()

    @property
    def hook_s(self) -> float:
        """Seconds that the callbacks have used up in the threads that collected, by what a call took at the start."""
        return sum(self._seen) * self._call_s

    @property
    def dropped(self) -> int:
        """Collections that were missed because too many came between two ticks, and places beyond the limit."""
        total: int = sum(each["collections"] for each in gc.get_stats())
        before = sum(each["collections"] for each in self._before)
        pending = sum(1 for event in list(self._events) if len(event) == 3) + (self._current is not None)
        return max(0, total - before - sum(self._seen) - pending) + self._unplaced

    @property
    def buffered(self) -> int:
        """Moments not yet accounted for, places and long pauses."""
        return len(self._events) + len(self._places) + len(self._pauses)

    def data(self, since: int) -> dict[str, Any]:
        """Totals since the start, and the long pauses after number `since`; times in seconds of perf_counter.

        `histogram` has [n, count] of the collections of 2^(n-1) to 2^n ns. `asked` counts the collections that
        somebody asked for by hand, a lower bound: no generation was full when they started.
        """
        with self._lock:
            self._drain()
            names = thread_names()
            now = gc.get_stats()
            return {
                "at": time.perf_counter_ns() / 1e9,
                "since": self._since_ns / 1e9,
                "seconds": [ns / 1e9 for ns in self._spent_ns],
                "longest": [ns / 1e9 for ns in self._longest_ns],
                "seen": list(self._seen),
                "collections": _deltas(self._before, now, "collections"),
                "collected": _deltas(self._before, now, "collected"),
                "uncollectable": _deltas(self._before, now, "uncollectable"),
                "asked": self._asked,
                "histogram": [[n, count] for n, count in enumerate(self._histogram) if count],
                "thresholds": list(gc.get_threshold()),
                "enabled": gc.isenabled(),
                "frozen": gc.get_freeze_count(),
                "places": [
                    {"thread": names.get(ident, ""), "ident": ident, "frames": [list(each) for each in frames],
                     "collections": count, "seconds": ns / 1e9, "asked": asked}
                    for (ident, frames), (count, ns, asked) in self._places.items()
                ],
                "pauses": [pause for pause in self._pauses if pause["sequence"] > since],
                "sequence": self._sequence,
                "dropped": self.dropped,
            }  # fmt: skip

    def _under_way(self) -> bool:
        """Whether the last moment noted belongs to a collection that has not ended."""
        try:
            last = self._events[-1]
        except IndexError:
            return False
        return not _is_stop(last)

    def _drain(self) -> None:
        events = self._events
        for _ in range(len(events)):  # what comes meanwhile is for the next time
            event = events.popleft()
            if len(event) == 3:
                self._current = _Collection(*event)
            elif self._current is None:
                continue  # it started before we did
            elif _is_stop(event):
                if not self._current.frames:
                    self._without_frames()
                self._account(self._current, *event)
                self._current = None
            else:
                self._current.frames += event

    def _without_frames(self) -> None:
        """Ask for frames no more: a collection started where there were none, and another one would be printed, too."""
        if _FRAMELESS_RAISES and self._moment is not None:
            self._moment.start = _next(_moments(self._events.append))

    def _account(self, collection: _Collection, ended_ns: int, info: dict[str, int]) -> None:
        spent = ended_ns - collection.started_ns
        generation = min(info.get("generation", 0), 2)
        asked = collection.asked()
        self._seen[generation] += 1
        self._spent_ns[generation] += spent
        self._longest_ns[generation] = max(spent, self._longest_ns[generation])
        self._histogram[min(spent.bit_length(), _BUCKETS)] += 1
        self._asked += asked
        frames = collection.places()
        if frames:
            self._count_place((collection.ident, frames), spent, asked)
        if spent >= _LONG_NS:
            self._sequence += 1
            self._pauses.append({
                "sequence": self._sequence, "at": ended_ns / 1e9, "seconds": spent / 1e9, "generation": generation,
                "collected": info.get("collected", 0), "ident": collection.ident,
                "frames": [list(each) for each in frames],
            })  # fmt: skip

    def _count_place(self, key: tuple[int, tuple[Place, ...]], spent: int, asked: bool) -> None:
        known = self._places.get(key)
        if known is None:
            if len(self._places) >= _PLACES:
                self._unplaced += 1
                return
            known = self._places[key] = [0, 0, 0]
        known[0] += 1
        known[1] += spent
        known[2] += asked


class _Collection:
    """One collection: when and in which thread it started, how full the generations were, and the stack."""

    __slots__ = ("count", "frames", "ident", "started_ns")

    def __init__(self, started_ns: int, count: tuple[int, ...], ident: int) -> None:
        self.started_ns = started_ns
        self.count = count
        self.ident = ident
        self.frames: tuple[Any, ...] = ()  # code, line, code, line, …

    def asked(self) -> bool:
        """Whether it was asked for by hand, for certain: otherwise a generation is full when a collection starts."""
        full = any(0 < limit < count for count, limit in zip(self.count, gc.get_threshold()))
        return not full or not gc.isenabled()

    def places(self) -> tuple[Place, ...]:
        """The innermost frames."""
        frames = self.frames
        return tuple(place(frames[n], frames[n + 1] or 0) for n in range(0, len(frames), 2))


def _hooks(events: deque[tuple[Any, ...]]) -> tuple[Any, Callable[..., object], Callable[..., object]]:
    """Two callbacks for the collector, called in this order with (phase, info), and the class behind the second.

    The first stores `info`. The second reads the attribute named like the phase, which is a property, and so takes
    the next item of an iterator that notes the moment. An AttributeError means a stack that is shallow, or that there
    is none; `getattr` swallows it.
    """
    latest = _Latest()
    note = events.append
    started = [_moments(note)]
    if _FRAMELESS_RAISES or threading.active_count() <= _DEAR_THREADS:
        started += [map(note, map(_NEAR, _frames())), map(note, map(_FAR, _frames()))]
    infos = iter(partial(getattr, latest, "stop"), None)
    ended = map(note, zip(iter(time.perf_counter_ns, None), infos))
    moment = type("Moment", (), {"start": _next(zip(*started)), "stop": _next(ended)})
    return moment, partial(setattr, latest), partial(getattr, moment())


def _call_s() -> float:
    """Seconds that the callbacks take for one collection."""
    _, store, note = _hooks(deque(maxlen=1))
    started = time.perf_counter()
    for _ in range(_TRIALS):
        store("start", None)
        note("start", None)
        store("stop", None)
        note("stop", None)
    return (time.perf_counter() - started) / _TRIALS


def _moments(note: Callable[..., None]) -> Iterator[None]:
    """Each next item notes the time, how full the generations are, and the thread."""
    return map(note, zip(iter(time.perf_counter_ns, None), iter(gc.get_count, None), iter(get_ident, None)))


def _frames() -> Iterator[FrameType | None]:
    """Each next item is the running thread's frame.

    A collection may start where no Python code runs: in embedding programs, and at a thread's very start up to 3.10.
    There `sys._getframe` raises, which would be printed each time (see `_without_frames`). A look at all threads
    does not, and it is cheap and safe up to 3.10 (from 3.11 on it makes frame objects under a lock).
    """
    if _FRAMELESS_RAISES:
        return iter(sys._getframe, None)
    return map(dict.get, iter(sys._current_frames, None), iter(get_ident, None))


def _next(items: Iterator[object]) -> property:
    """A property that takes the next item whenever it is read."""
    return property(partial(next, items))


def _is_stop(event: tuple[Any, ...]) -> bool:
    return len(event) == 2 and type(event[0]) is not CodeType


def _remove(callbacks: list[Any], mine: object) -> None:
    """Remove one callback by identity: `list.remove` would ask the others whether they are equal to it."""
    index = 0
    while index < len(callbacks):
        if callbacks[index] is not mine:
            index += 1
            continue
        removed = callbacks.pop(index)
        if removed is mine:
            return
        callbacks.insert(index, removed)  # another thread changed the list in between


def _deltas(before: list[dict[str, int]], now: list[dict[str, int]], key: str) -> list[int]:
    return [after[key] - first[key] for first, after in zip(before, now)]
