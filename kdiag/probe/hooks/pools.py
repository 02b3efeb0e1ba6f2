"""Results of `multiprocessing.pool` whose exception nobody asks for. Separate: one file a hook.

What `imap` gives is not looked at: it is there to be iterated over.
"""

from __future__ import annotations

import sys

from ..sensors.places import instance_dict
from .unasked import ResultHook, waited_for


class PoolHook(ResultHook):
    """See the module."""

    name = "multiprocessing.pool"
    field = "_value"

    def place(self) -> bool:
        """Put it in."""
        module = sys.modules.get("multiprocessing.pool")
        one, many = getattr(module, "ApplyResult", None), getattr(module, "MapResult", None)
        if one is None or many is None or not self.chain(one, "_set", self._note):
            return False
        self.chain(many, "_set", self._note)
        self.watch(one, "get", self._unasked.asked)
        return True

    def _note(self, result: object, _number: object, answer: object) -> None:
        if type(answer) is not tuple or len(answer) != 2 or answer[0] is not False:
            return
        own = instance_dict(result)
        if own.get("_error_callback") is None and not waited_for(instance_dict(own.get("_event")).get("_cond")):
            self._unasked.failed(result, answer[1])
