"""Futures of executors whose exception nobody asks for. Separate: one file a hook.

Who asks is seen by the look-up of the methods that answer, or by a thread that waits for the future already.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..sensors.places import instance_dict
from .chained import Placed
from .unasked import Unasked, waited_for

if TYPE_CHECKING:
    from .store import Store

_ANSWERS = ("result", "exception", "_get_snapshot")  # the last is what asyncio asks from 3.14 on


class FutureHook(Placed):
    """See the module."""

    name = "concurrent.futures"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._unasked = Unasked(store, self.name, "_exception")

    def place(self) -> bool:
        """Put it in."""
        kind = getattr(sys.modules.get("concurrent.futures._base"), "Future", None)
        if kind is None or not self.chain(kind, "set_exception", self._note):
            return False
        for name in _ANSWERS:
            self.watch(kind, name, self._unasked.asked)
        return True

    def remove(self) -> None:
        """Take it out."""
        super().remove()
        self._unasked.forget()

    def tick(self) -> None:
        """Tell of what nobody asked for."""
        self._unasked.look()

    def _note(self, future: object, exception: object) -> None:
        if not waited_for(instance_dict(future).get("_condition")):
            self._unasked.failed(future, exception)
