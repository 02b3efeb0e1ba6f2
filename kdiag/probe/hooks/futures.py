"""Futures of executors whose exception nobody asks for. Separate: one file a hook.

Who asks is seen by the look-up of the methods that answer, or by a thread that waits for the future already.
"""

from __future__ import annotations

import sys

from ..sensors.places import instance_dict
from .unasked import ResultHook, waited_for

_ANSWERS = ("result", "exception", "_get_snapshot")  # the last is what asyncio asks from 3.14 on


class FutureHook(ResultHook):
    """See the module."""

    name = "concurrent.futures"
    field = "_exception"

    def place(self) -> bool:
        """Put it in."""
        kind = getattr(sys.modules.get("concurrent.futures._base"), "Future", None)
        if kind is None or not self.chain(kind, "set_exception", self._note):
            return False
        for name in _ANSWERS:
            self.watch(kind, name, self._unasked.asked)
        return True

    def _note(self, future: object, exception: object) -> None:
        if not waited_for(instance_dict(future).get("_condition")):
            self._unasked.failed(future, exception)
