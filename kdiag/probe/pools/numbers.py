"""Numbers for objects that ids cannot tell apart from look to look: the next object often gets the place of the last.

Separate from the pools, whose loans and queues are told so.
"""

from __future__ import annotations

import weakref
from typing import Any


class Numbers:
    """The same number for the same object, as long as it is asked for at each look. Holds weak references only."""

    def __init__(self) -> None:
        self._last = 0
        self._known: dict[int, tuple[int, weakref.ref[Any]]] = {}
        self._asked: dict[int, tuple[int, weakref.ref[Any]]] = {}

    def of(self, value: Any) -> int:
        """The number of an object, or of the one that a weak reference is to; 0 for none. A number is its own.

        What no weak reference can be to gets another number each time.
        """
        if type(value) is int:
            return abs(value)
        if type(value) is weakref.ref:
            value = value()
        if value is None:
            return 0
        number, known = self._asked.get(id(value)) or self._known.get(id(value)) or (0, None)
        if known is None or known() is not value:
            self._last += 1
            number = self._last
        try:
            self._asked[id(value)] = number, weakref.ref(value)
        except TypeError:
            self._asked.pop(id(value), None)
        return number

    def next_look(self) -> None:
        """Let go of what was not asked for since the last look."""
        self._known, self._asked = self._asked, {}
