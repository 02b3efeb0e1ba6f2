"""Exceptions that are logged: by loops that swallow and log, and by servers that make an HTTP 500 of them.

Hooked is the factory of records, which each logger asks when it is about to handle a record, and not `Logger.handle`:
so ours is not on the stack while the service's handlers run. Separate: one file a hook.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..sensors.places import text
from .chained import Placed
from .kinds import is_exception

if TYPE_CHECKING:
    from .store import Store

_EXC_INFO = 6  # which argument of the factory


class LogHook(Placed):
    """See the module."""

    name = "logging"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._store = store

    def place(self) -> bool:
        """Put it in."""
        module = sys.modules.get("logging")
        return module is not None and self.chain(module, "_logRecordFactory", self._note)

    def _note(self, *args: Any, **kwargs: Any) -> None:
        info = args[_EXC_INFO] if len(args) > _EXC_INFO else kwargs.get("exc_info")
        if type(info) is tuple and len(info) == 3 and is_exception(info[1]):
            self._store.tell(self.name, info[1], logger=text(args[0] if args else kwargs.get("name")))
