"""asyncio's `call_exception_handler`: tasks whose exception nobody retrieves, and callbacks that fail.

It is hooked in the class, so loops that run already are seen, too. Separate: one file a hook.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .chained import Placed
from .kinds import is_exception

if TYPE_CHECKING:
    from .store import Store

# The classes in which loops find it. uvloop's own is written in C; its Python class can be given one.
_LOOPS = (("asyncio.base_events", "BaseEventLoop"), ("uvloop", "Loop"))


class LoopHook(Placed):
    """See the module."""

    name = "asyncio"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._store = store

    def place(self) -> bool:
        """Put it in where loops are."""
        placed = False
        for module, name in _LOOPS:
            kind = getattr(sys.modules.get(module), name, None)
            placed = (kind is not None and self.chain(kind, "call_exception_handler", self._note)) or placed
        return placed

    def _note(self, _loop: object, context: object) -> None:
        if type(context) is not dict:
            return
        exc = context.get("exception")
        if is_exception(exc):
            self._store.tell(self.name, exc, ended="task" in context or "future" in context)
