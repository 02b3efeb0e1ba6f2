"""`sys.excepthook`: what ends the process, or its main thread. Separate: one file a hook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .chained import Placed
from .kinds import is_exception

if TYPE_CHECKING:
    from .store import Store


class ExceptHook(Placed):
    """See the module."""

    name = "sys.excepthook"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._store = store

    def place(self) -> bool:
        """Put it in."""
        return self.chain(sys, "excepthook", self._note)

    def _note(self, _kind: object, value: object, _traceback: object) -> None:
        if is_exception(value):
            self._store.tell(self.name, value, ended=True)
