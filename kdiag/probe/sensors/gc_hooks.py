"""Callbacks for `gc.callbacks` that run no Python code: they are put together from functions written in C.

Two reasons:

- Python runs signal handlers at the start of Python functions. A signal that arrives during a collection would run its
  handler inside of our callback, and the exception that the handler raises (SystemExit on SIGTERM, say) would be
  printed and lost there, since a callback's exceptions go nowhere: with a callback in Python, a program that collects
  half of the time misses half of its signals.
- Another thread could run inside of our callback, and its time would count as the collector's.

So a callback only appends to a bounded deque what it finds. Only one collection runs at a time in an interpreter, so
what is noted of two never mixes. Of each collection there are:

- its start: the time, or with details (time, fill of the generations, thread), then (code, line) of the innermost frame
  and (code, line, code, line, …) of its callers, as far as there are frames;
- its end: the time, then the collector's `info`.

Separate from the sensor, which makes sense of that in a thread of ours.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from _thread import get_ident
from collections import deque
from functools import partial
from itertools import cycle
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_TRIALS = 20
_ONE_IN = 16
_DEAR_THREADS = 64
_FRAMELESS_RAISES = sys.version_info >= (3, 11)
_HALF_MADE = sys.version_info[:2] == (3, 11)  # since 3.12 collections start between instructions

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


class Hooks:
    """Two callbacks, called in this order with (phase, info).

    The first stores `info`. The second reads the attribute named like the phase, which is a property, and so takes
    the next item of an iterator that notes the moment. An AttributeError means a stack that is shallow, or that there
    is none; `getattr` swallows it.
    """

    def __init__(self, events: deque[Any]) -> None:
        self._note = events.append
        self._looks: tuple[Iterator[FrameType | None], ...] = ()
        self._looks_since_ns = 0
        self._frameless = not _FRAMELESS_RAISES and threading.active_count() > _DEAR_THREADS
        latest = _Latest()
        infos = iter(partial(getattr, latest, "stop"), None)
        ended = zip(map(self._note, _clock()), map(self._note, infos))
        self._moment: Any = type("Moment", (), {"start": None, "stop": _next(ended)})
        self.callbacks: tuple[Callable[..., object], ...] = (partial(setattr, latest), partial(getattr, self._moment()))
        self.detail(rarely=False)

    def detail(self, *, rarely: bool) -> None:
        """Note the details of each start, or of one in some: frames take longer than all the rest."""
        full = self._detailed()
        plain = map(self._note, _clock())
        self._moment.start = _next(map(next, cycle((full, *[plain] * (_ONE_IN - 1)))) if rarely else full)

    def without_frames(self, started_ns: int) -> None:
        """Ask for frames no more: a collection started where there were none, and another one would be printed, too.

        Unless it was for want of room: at the recursion limit nothing can be called, and a generator ends of that.
        """
        if started_ns < self._looks_since_ns:
            return
        if not any(getattr(each, "gi_frame", each) is None for each in self._looks):
            self._frameless = _FRAMELESS_RAISES
        self.detail(rarely=False)

    def insert(self) -> None:
        """Hook in, behind all others."""
        gc.callbacks.extend(self.callbacks)

    def remove(self) -> None:
        """Unhook."""
        for callback in self.callbacks:
            _remove(gc.callbacks, callback)

    def _detailed(self) -> Iterator[object]:
        moments = map(self._note, zip(_clock(), iter(gc.get_count, None), iter(get_ident, None)))
        if self._frameless:
            return moments
        near, far = self._looks = (_frames(), _frames())
        self._looks_since_ns = time.perf_counter_ns()
        return zip(moments, map(self._note, map(_NEAR, near)), map(self._note, map(_FAR, far)))


def call_s() -> float:
    """Seconds that the callbacks take for one collection without details."""
    hooks = Hooks(deque(maxlen=1))
    hooks.detail(rarely=True)
    store, note = hooks.callbacks
    started = time.perf_counter()
    for _ in range(_TRIALS):
        store("start", None)
        note("start", None)
        store("stop", None)
        note("stop", None)
    return (time.perf_counter() - started) / _TRIALS


def _clock() -> Iterator[int]:
    return iter(time.perf_counter_ns, -1)


def _frames() -> Iterator[FrameType | None]:
    """Each next item is the running thread's frame.

    A collection may start where no Python code runs: in embedding programs, and at a thread's very start up to 3.10.
    There `sys._getframe` raises, which would be printed each time (see `without_frames`). A look at all threads does
    not, and it is cheap and safe up to 3.10 (from 3.11 on it makes frame objects under a lock).
    """
    if not _FRAMELESS_RAISES:
        return map(dict.get, iter(sys._current_frames, None), iter(get_ident, None))
    if not _HALF_MADE:
        return iter(sys._getframe, None)
    frames = _callers()
    next(frames)
    return frames


def _callers() -> Iterator[FrameType]:
    """Each next item is the frame of whoever asked for it: what 3.11 needs in place of `sys._getframe`.

    There a collection can start while a generator or a coroutine is made of a frame that has not begun. To take that
    frame for the running one leaves the new generator with a frame object that belongs to another: the process dies of
    it later. Callers are safe to ask for, since frames that have not begun are passed over.

    This is Python code, yet nothing gets in between: a `yield from` is resumed, and asks its iterator, without a look
    for signals or for threads that wait for the GIL.
    """
    yield from iter(partial(sys._getframe, 1), None)


def _next(items: Iterator[object]) -> property:
    """A property that takes the next item whenever it is read."""
    return property(partial(next, items))


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
