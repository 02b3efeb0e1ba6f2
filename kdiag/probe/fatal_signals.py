"""Has fatal signals leave the stacks of all threads in a file, for `kdiag crashes` when the process is gone.

`faulthandler` writes them, but only where nobody in the process catches such signals: a service's own faulthandler and
the handlers of other runtimes stay what they are. A service that enables its own later takes it over, with a file of
its own. What is written are places, no values.

Separate from `postmortem`, which only a process that crashes needs: this is in every preloaded one.
"""

from __future__ import annotations

import sys

from .state import FatalFile, in_state_folder, state_folder, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_SIGNALS = (4, 6, 7, 8, 11)  # faulthandler's: SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV
# Walking the stack of C may allocate: a crash within malloc would hang the process that without us had ended.
_ENABLED: dict[str, Any] = {"all_threads": True, **({"c_stack": False} if sys.version_info >= (3, 14) else {})}


class FatalSignals:
    """The file of one process, and faulthandler's hold of it."""

    def __init__(self) -> None:
        self._file: FatalFile | None = None
        self._faulthandler: ModuleType | None = None
        self._handle: Any = None  # a weak reference: it is alive while faulthandler has our file

    def arm(self) -> None:
        """Begin; where that was done, see that it still works. Nothing happens where somebody else cares for them.

        Raises:
            OSError: no file can be had.
        """
        if self._file is not None and self._file.intact:
            return
        if not (self.in_place or signals_are_free()):
            return
        import faulthandler  # noqa: PLC0415 - not before the service has started
        from _weakref import ref  # noqa: PLC0415

        self._remove()
        sweep(state_folder())
        file = in_state_folder(FatalFile)
        handle = _Handle(file.descriptor)
        self._file, self._handle, self._faulthandler = file, ref(handle), faulthandler
        faulthandler.enable(handle, **_ENABLED)

    @property
    def in_place(self) -> bool:
        """Whether faulthandler would write into a file of ours."""
        return self._handle is not None and self._handle() is not None

    def disarm(self) -> None:
        """End: the signals do what they did before, and the file is gone."""
        if self.in_place and self._faulthandler is not None and nobody_came_later():
            self._faulthandler.disable()
        self.end()

    def end(self) -> None:
        """The process ends, and its faulthandler with it: only the file has to go."""
        folder = self._remove()
        if folder is not None:
            sweep(folder)

    def abandon(self) -> None:
        """End in a forked child: the file is the parent's."""
        if self.in_place and self._faulthandler is not None:
            self._faulthandler.disable()
        if self._file is not None:
            self._file.close()
        self._file = self._handle = None

    def _remove(self) -> str | None:
        """Remove the file, if there is one, and return its folder."""
        file, self._file, self._handle = self._file, None, None
        if file is None:
            return None
        file.remove()
        return file.folder


class _Handle:
    """What faulthandler takes for a file; it alone holds it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def flush(self) -> None:
        """Nothing is kept back."""


def signals_are_free() -> bool:
    """Whether nobody in this process catches or ignores the signals that faulthandler would take."""
    try:
        with open("/proc/self/status", "rb") as file:
            lines = file.read().splitlines()
    except OSError:  # a root folder without /proc: it cannot be known
        return False
    taken = [int(line.split()[1], 16) for line in lines if line.startswith((b"SigIgn:", b"SigCgt:"))]
    return len(taken) == 2 and not any(mask >> (number - 1) & 1 for mask in taken for number in _SIGNALS)


def nobody_came_later() -> bool:
    """Whether the signals that faulthandler has taken are all its own still.

    Taking it away would take away with it what C code, such as another runtime, has put in its place since then; such
    code takes some of them only, so that they have more than one handler.
    """
    try:
        import ctypes  # noqa: PLC0415

        libc = ctypes.CDLL(None)
        action = ctypes.create_string_buffer(256)  # the handler comes first
        handlers = set()
        for number in _SIGNALS:
            if libc.sigaction(number, None, action) == 0:
                handlers.add(action.raw[: ctypes.sizeof(ctypes.c_void_p)])
    except (ImportError, OSError, AttributeError):  # an interpreter that was built without
        return True
    return len(handlers) == 1
