"""Who iterates over a guarded object, and whether somebody still does.

The iterators are the interpreter's own, as fast and as atomic as ever: nothing is told when they step or end. So each
is kept, and asked when somebody writes: one that is exhausted refers to nothing any more, and one that was dropped
half-way is referred to by nobody but us.

Separate from `state`, which asks.
"""

from __future__ import annotations

import gc
import sys
import time
from _thread import get_ident, get_native_id
from typing import TYPE_CHECKING, Any

from ..sensors import frames
from ..sensors.places import place
from .evidence import DEEPEST, Moment, Side, is_alive, thread_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_STACK = 64  # frames of the other thread in which the one that iterates is looked for


class Iteration:
    """One thread iterates. `reported` has the conflicts that were told of it, by the instruction that wrote."""

    __slots__ = ("at", "code", "ident", "iterator", "line", "native_id", "reported")

    def __init__(self, iterator: Iterator[Any], frame: FrameType | None) -> None:
        self.iterator = iterator
        self.ident = get_ident()
        self.native_id = get_native_id()
        self.at = time.perf_counter()
        self.code = frame.f_code if frame is not None else None
        self.line = (frame.f_lineno or 0) if frame is not None else 0
        self.reported: dict[tuple[int, int], Any] = {}

    def goes_on(self) -> bool:
        """Whether it has neither come to its end nor been dropped, and its thread is there to go on with it."""
        if self._references() <= _OURS or not gc.get_referents(self.iterator):
            return False
        return self.ident == get_ident() or is_alive(self.ident, self.native_id)

    def moment(self) -> Moment:
        """Where it began, and how that function was called; only the first where the thread does something else now."""
        if self.code is None:
            return Moment(Side(thread_name(self.ident), self.ident, self.at, ()), ())
        stack = frames.stack_of(self.ident, _STACK)
        depth = next((depth for depth, frame in enumerate(stack) if frame.f_code is self.code), len(stack))
        callers = stack[depth + 1 :][: DEEPEST - 1]
        places = (place(self.code, self.line), *(place(each.f_code, each.f_lineno or 0) for each in callers))
        side = Side(thread_name(self.ident), self.ident, self.at, places)
        return Moment(side, (self.code, *(each.f_code for each in callers)))

    def _references(self) -> int:
        return sys.getrefcount(self.iterator)


# What is counted of an iterator that nobody but its Iteration refers to: it differs between versions.
_OURS = Iteration(iter({}), None)._references()
