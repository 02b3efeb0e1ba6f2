"""asyncio's event loops: how long what comes to them has to wait, and which callback keeps them from turning.

Every tick a callback is given to each running loop, one at a time: the time until it runs is the loop's lag. It is put
together from functions written in C, as the collector's are (see `gc`): it only notes the moment. While it has not
run, the loop's thread is looked at: what it is in is the callback that blocks.

A callback that is still outstanding when the sensor stops notes its moment where nobody reads, and is gone.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from .frames import stack_of, stacks
from .places import Place, instance_dict, places_of, text, threads
from .running_loops import running_in

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_LOOPS = 16
_DELAYS = 512
_FRAMES = 48
_DEEP = 256
_FIND_EVERY_S = 2.0
_ASK_EVERY_S = 0.05
_BLOCKED_S = 0.05  # from here on the loop's thread is looked at


class LoopsSensor:
    """See the module."""

    name = "loops"

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below; only threads of ours take it
        self._watched: dict[int, _Watched] = {}  # by id of the loop
        self._find_at = 0.0
        self._sequence = 0
        self._delays: deque[dict[str, Any]] = deque(maxlen=_DELAYS)
        self.dropped = 0

    @property
    def period_s(self) -> float:
        """Short while there are loops: each look takes the interpreter away from the service."""
        return _ASK_EVERY_S if self._watched else _FIND_EVERY_S

    @property
    def buffered(self) -> int:
        """Delays that are kept."""
        return len(self._delays)

    def start(self) -> None:
        """Loops are found at the first tick."""

    def stop(self) -> None:
        """Forget the loops."""
        self._watched = {}

    def tick(self) -> None:
        """Find loops now and then, and ask each how late it is."""
        with self._lock:
            now = time.perf_counter()
            if now >= self._find_at:
                self._find_at = now + _FIND_EVERY_S
                self._find()
            for watched in list(self._watched.values()):
                self._look(watched)

    def data(self, since: int) -> dict[str, Any]:
        """The loops, and their delays after number `since`; times in seconds of perf_counter.

        A delay has the `frames` in which the loop's thread was found meanwhile, if it took long enough to look. The
        delay of a callback that has not run yet is the loop's `outstanding`.
        """
        with self._lock:
            now = time.perf_counter()
            names = threads()
            return {
                "at": now,
                "loops": [
                    watched.describe(now, text(names.get(watched.ident, {}).get("_name")))
                    for watched in self._watched.values()
                ],
                "delays": [delay for delay in self._delays if delay["sequence"] > since],
                "sequence": self._sequence,
                "tasks": _tasks(),
                "dropped": self.dropped,
            }

    def _find(self) -> None:
        """Look for running loops in all threads' frames; forget those that run no more."""
        running: dict[int, _Watched] = {}
        for ident, stack in stacks(_DEEP).items() if "asyncio.events" in sys.modules else ():
            found = running_in(stack)
            if found is None:
                continue
            number = id(found.loop)
            known = self._watched.get(number)
            if known is not None and known.loop() is found.loop and known.ident == ident:
                running[number] = known
            elif len(running) < _LOOPS:
                running[number] = _Watched(weakref.ref(found.loop), ident, found.height)
            else:
                self.dropped += 1
        self._watched = running

    def _look(self, watched: _Watched) -> None:
        delay = watched.delay()
        if delay is not None:
            self._sequence += 1
            self.dropped += len(self._delays) == _DELAYS
            self._delays.append({
                "sequence": self._sequence, "loop": watched.number, "at": delay[0] + delay[1], "seconds": delay[1],
                "frames": [list(place) for place in watched.seen_in],
            })  # fmt: skip
            watched.seen_in = ()
        if watched.asked_at is None:
            if not watched.ask():
                self._watched.pop(watched.number, None)
        elif time.perf_counter() - watched.asked_at > _BLOCKED_S:
            watched.look()


class _Watched:
    """One loop, and the callback that is outstanding in it.

    Attributes:
        ident: the thread that runs it.
        asked_at: when the outstanding callback was given to it; None where none is.
        seen_in: the stack of its thread while that callback waited, as it was seen last.
    """

    def __init__(self, loop: weakref.ref[AbstractEventLoop], ident: int, height: int) -> None:
        self.loop = loop
        self.ident = ident
        self._height = height
        self.number = id(loop())
        self.asked_at: float | None = None
        self.seen_in: tuple[Place, ...] = ()
        self._moments: deque[float] = deque(maxlen=1)
        self._note = partial(next, map(self._moments.append, iter(time.perf_counter, None)))

    def ask(self) -> bool:
        """Give the loop a callback; whether it takes one."""
        loop = self.loop()
        if loop is None:
            return False
        self.asked_at = time.perf_counter()
        try:
            loop.call_soon_threadsafe(self._note)
        except RuntimeError:  # closed
            return False
        return True

    def look(self) -> None:
        """See what its thread is in: of a loop without frames only the callback's, for nothing tells them apart."""
        stack = stack_of(self.ident, _DEEP)
        self.seen_in = tuple(places_of(stack[: len(stack) - self._height][:_FRAMES]))

    def delay(self) -> tuple[float, float] | None:
        """When the last callback was given, and how long it had to wait; None while it waits."""
        if self.asked_at is None or not self._moments:
            return None
        asked_at, self.asked_at = self.asked_at, None
        return asked_at, max(0.0, self._moments.pop() - asked_at)

    def describe(self, now: float, thread: str) -> dict[str, Any]:
        """What there is to say of the loop now."""
        own = instance_dict(self.loop())
        waits = self.asked_at is not None and not self._moments
        return {
            "loop": self.number,
            "ident": self.ident,
            "thread": thread,
            "ready": _length(own.get("_ready")),
            "scheduled": _length(own.get("_scheduled")),
            "outstanding": now - self.asked_at if waits and self.asked_at is not None else 0.0,
            "frames": [list(place) for place in self.seen_in] if waits else [],
        }


def _length(value: object) -> int:
    """The length of a list or a deque; 0 for anything else (uvloop keeps its handles to itself)."""
    return len(value) if type(value) is list or type(value) is deque else 0


def _tasks() -> int | None:
    """How many tasks there are in all loops; None where that would take a walk (3.14)."""
    module = sys.modules.get("asyncio.tasks")
    for name in ("_scheduled_tasks", "_all_tasks"):  # 3.12, before
        data = instance_dict(getattr(module, name, None)).get("data")
        if type(data) is set and sys.version_info < (3, 14):
            return len(data)
    return None
