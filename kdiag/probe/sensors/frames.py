"""Frames of threads that run meanwhile, looked at without harm: their stacks and their local variables.

Up to 3.10 frames are objects like any other, and since 3.12 collections start between instructions only. On 3.11 a
frame becomes an object when it is looked at, and a collection can start right then: a finalizer lets other threads
run, and the frame is gone before its object is made. So there all of a look is done with the collector disabled, and
in C: no other thread runs meanwhile, so none can see the collector disabled, nor enable it.

Separate from the sensors that look, which need not know of this.
"""

from __future__ import annotations

import gc
import operator
import sys
from functools import partial
from itertools import accumulate, chain, compress, repeat, takewhile, tee
from operator import attrgetter
from threading import get_ident
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from ..turns import Turns
from .places import text

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_MAY_COLLECT = sys.version_info[:2] == (3, 11)
_call: Any = getattr(operator, "call", None)  # 3.11
_OURS = __name__.partition(".")[0]
_HAS_GIL: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)

Stack = list[FrameType]  # innermost first


def stacks(limit: int) -> dict[int, Stack]:
    """Each thread's stack by its ident, `limit` frames at most; none without the GIL, where no way to look is safe."""
    turns, found = Turns(), {}
    for ident, frame in _innermost().items():
        found[ident] = _callers(frame, limit)
        turns.next()
    return found


def stack_of(ident: int, limit: int) -> Stack:
    """One thread's stack; empty where there is none to be had."""
    return _callers(_innermost().get(ident), limit)


def locals_of(frame: FrameType) -> dict[str, Any]:
    """A frame's `f_locals`."""
    return _uncollected(partial(getattr, frame, "f_locals"))


def attributes_at_once(value: object, of: attrgetter[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Several attributes of a coroutine, its frame among them."""
    return _uncollected(partial(of, value))


def _innermost() -> dict[int, FrameType]:
    """Each thread's innermost frame.

    On 3.11 `sys._current_frames` can hang the interpreter, too: when a collection starts inside of it, while it holds
    a lock that other threads need (cpython #106883).
    """
    if not _HAS_GIL():
        return {}
    found: dict[int, FrameType] = _uncollected(sys._current_frames)
    # Our own frames, which hold what is found, would be in it themselves: all of it would live to the next collection.
    ident, frame = get_ident(), found.pop(get_ident(), None)
    while frame is not None and text(frame.f_globals.get("__name__")).partition(".")[0] == _OURS:
        frame = frame.f_back
    if frame is not None:
        found[ident] = frame
    return found


def _callers(frame: FrameType | None, limit: int) -> Stack:
    """A frame and its callers."""
    links: Any = chain((frame,), repeat("f_back", limit - 1))
    return _uncollected(partial(list, takewhile(bool, accumulate(links, getattr))))


def _uncollected(function: Callable[[], _T]) -> _T:
    """Call a function written in C that does not return None, on 3.11 with the collector disabled."""
    if not _MAY_COLLECT:
        return function()
    was_enabled = gc.isenabled()
    enabled, again = tee(map(_call, (gc.isenabled,)))
    steps: tuple[Callable[[], Any], ...] = (gc.disable, function, gc.enable)
    try:
        results: list[Any] = list(map(_call, compress(steps, chain(enabled, (True,), again))))
    except BaseException:
        if was_enabled:
            gc.enable()
        raise
    found: _T = next(result for result in results if result is not None)
    return found
