"""Tells whether an exception that a hook sees is one that another hook has told of before.

It is separate because an exception cannot just be remembered: kept alive, it would keep the frames and values of the
service alive, and most cannot be referred to weakly. Its id alone tells little, for the next one often gets the same.
So its arguments are kept where they are nothing but short texts and numbers: they are made with it, and while they are
kept nobody else's can be the same object.
"""

from __future__ import annotations

import itertools
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from .kinds import args_of

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT = 256
_LONGEST = 1000
_MOST_ARGUMENTS = 8
_SOON_S = 1.0
_SIZED = frozenset({str, bytes})
_HARMLESS = frozenset({int, float, bool, type(None)})


class _Entry(NamedTuple):
    """An exception: its number, how to know it again, and who has told of it when.

    `witness` is its arguments, or a weak reference to it, or None: then only another hook, soon, can mean the same.
    """

    number: int
    witness: Any
    by: str
    at: float


class Known:
    """Gives each exception a number. Needs no lock: each step is one that the interpreter does at once."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._numbers = itertools.count(1)
        self._entries: dict[int, _Entry] = {}  # by id
        self._order: deque[int] = deque()

    def number(self, exc: BaseException, by: str) -> int:
        """The number of an exception that the hook `by` tells of."""
        entry = self._entries.get(id(exc))
        if entry is not None and self._is_of(entry, exc, by):
            return entry.number
        number = next(self._numbers)
        self._entries[id(exc)] = _Entry(number, _witness(exc), by, self._now())
        self._order.append(id(exc))
        if len(self._order) > _KEPT:
            self._entries.pop(self._order.popleft(), None)
        return number

    def _is_of(self, entry: _Entry, exc: BaseException, by: str) -> bool:
        if type(entry.witness) is tuple:
            return args_of(exc) is entry.witness
        if entry.witness is not None:
            return entry.witness() is exc
        return by != entry.by and self._now() - entry.at < _SOON_S


def _witness(exc: BaseException) -> Any:
    args = args_of(exc)
    if 0 < len(args) <= _MOST_ARGUMENTS and all(map(_is_harmless, args)):
        return args
    try:
        return weakref.ref(exc)
    except TypeError:  # built-in ones cannot be referred to
        return None


def _is_harmless(value: object) -> bool:
    return type(value) in _HARMLESS or (type(value) in _SIZED and len(value) <= _LONGEST)  # type: ignore[arg-type]
