"""Lets nothing of ours be raised into the target, and swallows nothing of the target's.

It is separate from `probe.crashes`, which guards threads of ours. A hook runs in threads of the service: there a
handler of a signal may run in the midst of it, and what that raises is the service's, and has to go on.
"""

from __future__ import annotations

import os
from _thread import get_ident
from functools import partial
from typing import TYPE_CHECKING, Any

from ..crashes import Crashes

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = frozenset({
    AttributeError, TypeError, ValueError, KeyError, IndexError, RuntimeError, RecursionError, MemoryError, NameError,
    UnboundLocalError, AssertionError, ImportError, OSError, StopIteration, ReferenceError, UnicodeEncodeError,
})  # fmt: skip

OVERFLOW = (RecursionError, MemoryError)  # where there is no room for ours, there is none for its failure either


class Guard:
    """Calls functions of ours, in any thread; while one runs in a thread, none is called there again."""

    def __init__(self) -> None:
        self.crashes = Crashes()
        self.skipped = 0
        self._busy: set[int] = set()  # idents
        self._long_busy: set[int] = set()

    def call(self, function: Callable[..., object], /, *args: Any, **kwargs: Any) -> None:
        """Call it; a failure of ours ends here."""
        ident = get_ident()
        if ident in self._busy:
            self.skipped += 1
            return
        try:
            self._busy.add(ident)
            function(*args, **kwargs)
        except BaseException as exc:
            if not is_ours(exc):
                raise
            if type(exc) in OVERFLOW:
                self.skipped += 1
            else:
                self.crashes.note(exc)
        finally:
            self._busy.discard(ident)

    def heal(self) -> None:
        """Let threads go on that have been busy since the last time: a signal's handler kept one from saying so."""
        stuck = self._long_busy.intersection(self._busy.copy())
        self._busy.difference_update(stuck)
        self._long_busy = self._busy.copy()

    def guarded(self, function: Callable[..., object]) -> Callable[..., None]:
        """The function, guarded."""
        return partial(self.call, function)


def is_own_file(file: str) -> bool:
    """Whether a source file is one of the probe's."""
    return file.startswith(_ROOT)


def is_ours(exc: BaseException) -> bool:
    """Whether an exception is a failure of our own code: not the target's, nor one that was put into its thread."""
    if type(exc) not in _OURS:
        return False
    stack = exc.__traceback__
    while stack is not None and stack.tb_next is not None:
        stack = stack.tb_next
    return stack is not None and is_own_file(stack.tb_frame.f_code.co_filename)


# By what the code objects say, as tracebacks do.
_ROOT = os.path.dirname(os.path.dirname(is_ours.__code__.co_filename)) + "/"
