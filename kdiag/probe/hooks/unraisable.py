"""`sys.unraisablehook`: what is raised where nobody can catch it, as in `__del__`. Separate: one file a hook."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..sensors.calls import qualname
from ..sensors.places import text
from .chained import Placed
from .kinds import is_exception

if TYPE_CHECKING:
    from .store import Store

_OF_THREAD = "Exception ignored in thread started by"  # with `_thread.start_new_thread`


class UnraisableHook(Placed):
    """See the module."""

    name = "sys.unraisablehook"

    def __init__(self, store: Store) -> None:
        super().__init__(store.guard)
        self._store = store

    def place(self) -> bool:
        """Put it in."""
        return self.chain(sys, "unraisablehook", self._note)

    def _note(self, args: object) -> None:
        kind: type = type(args)
        if type.__dict__["__base__"].__get__(kind) is not tuple or text(qualname(kind)) != "UnraisableHookArgs":
            return  # not from the interpreter, which does not let its type be named
        fields: tuple[object, ...] = args  # type: ignore[assignment]
        _, exc, _, message, _ = fields
        if is_exception(exc):
            self._store.tell(self.name, exc, ended=text(message).startswith(_OF_THREAD))
