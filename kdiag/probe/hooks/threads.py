"""`threading.excepthook`: what ends a thread. Separate: one file a hook."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .chained import Placed

if TYPE_CHECKING:
    from .store import Store


class ThreadHook(Placed):
    """See the module."""

    name = "threading.excepthook"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._store = store

    def place(self) -> bool:
        """Put it in; threads that run already ask for it only when they fail."""
        return self.chain(threading, "excepthook", self._note)

    def _note(self, args: object) -> None:
        if type(args) is threading.ExceptHookArgs and args.exc_value is not None:
            self._store.tell(self.name, args.exc_value, ended=True)
