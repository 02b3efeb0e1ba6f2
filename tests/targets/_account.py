"""What a target can say of itself: that no unit of its work was lost or doubled, and what has changed in it.

Separate from `_ready`, because only the targets that are attached to again and again need it. It is asked for by
SIGUSR1 and comes as the JSON line `{"account-N": {...}}`, N counting from 0.

- A signal's handler runs in the main thread, between two of its bytecodes or instead of its wait for a lock: so a
  target that is deadlocked as a whole can answer too. A main thread that works itself answers at a point of its own.
- Everything in `residue` must be the same before a visitor comes and after it has left.
"""

from __future__ import annotations

import atexit
import builtins
import collections
import gc
import hashlib
import os
import re
import signal
import sys
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.targets._ready import say

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULUS = (1 << 61) - 1
_STDLIB = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))


class Ledger:
    """Counts units of work by number; a unit that is lost, doubled or out of turn does not go unseen."""

    def __init__(self) -> None:
        self.done = 0
        self.problems: list[str] = []
        self._sum = 0
        self._chain = 0
        self._checked = (0, 0)  # done and chain at the last check

    def enter(self, number: int) -> None:
        """Write unit `number` down; it must be the next."""
        self.done += 1
        self._sum += number
        self._chain = (self._chain * 31 + number) % _MODULUS
        if number != self.done:
            self.problems.append(f"unit {number} came as number {self.done}")

    def right(self) -> bool:
        """Whether the books agree with what they must be by reckoning."""
        done, chain = self._checked
        for number in range(done + 1, self.done + 1):
            chain = (chain * 31 + number) % _MODULUS
        self._checked = (self.done, self._chain)
        return not self.problems and self._sum == self.done * (self.done + 1) // 2 and self._chain == chain


class Inquiry:
    """Answers SIGUSR1, at once or when the main thread comes by."""

    def __init__(self, account: Callable[[], dict[str, object]], *, at_once: bool = True) -> None:
        self._account = account
        self._at_once = at_once
        self._asked = 0
        self._answered = 0
        signal.signal(signal.SIGUSR1, self.ask)

    def ask(self, _signal: int = 0, _frame: object = None) -> None:
        """Take the question down."""
        self._asked += 1
        if self._at_once:
            self.answer()

    def answer(self) -> None:
        """Answer what was asked since the last time; for a main thread that works, where its books agree."""
        while self._answered < self._asked:
            number, self._answered = self._answered, self._answered + 1
            say(**{f"account-{number}": {**self._account(), "residue": residue()}})


def residue() -> dict[str, object]:
    """What a visitor might have left in this process."""
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "native_threads": len(os.listdir("/proc/self/task")),
        "hooks": _hooks(),
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), [_name(each) for each in gc.callbacks]],
        "signals": [_name(signal.getsignal(each)) for each in sorted(signal.valid_signals())],
        "blocked_signals": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "modules": sorted(name for name in list(sys.modules) if not _of_standard_library(name)),
        "import_system": [[_name(each) for each in sys.meta_path], list(sys.path), len(sys.path_hooks)],
        "names": [sorted(vars(each)) for each in (sys, builtins, sys.modules["__main__"])],
        "at_exit": atexit._ncallbacks(),
        "switch_interval": sys.getswitchinterval(),
        "environment": hashlib.sha256(repr(sorted(os.environ.items())).encode()).hexdigest(),
        "folder": str(Path.cwd()),
        "umask": _umask(),
        "descriptors": _descriptors(),
    }


def _hooks() -> list[str]:
    hooks = [sys.excepthook, sys.unraisablehook, sys.displayhook, sys.breakpointhook, threading.excepthook]
    watchers = [sys.gettrace(), sys.getprofile(), sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth()]
    hooks_of_threading = [getattr(threading, name, None) for name in ("_trace_hook", "_profile_hook")]
    if sys.version_info >= (3, 12):
        watchers += [sys.monitoring.get_tool(tool) for tool in range(6)]
    return [_name(each) for each in (*hooks, *watchers, *hooks_of_threading)]


def _name(value: object) -> str:
    """Its repr, without an address that differs each time."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


def _of_standard_library(name: str) -> bool:
    # What a visitor imported of the standard library stays imported: nobody may take that away again.
    module = sys.modules.get(name)
    file: str | None = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "origin", None) in ("built-in", "frozen"):
        return True
    return file is not None and file.startswith(_STDLIB) and "site-packages" not in file


def _descriptors() -> list[str]:
    kinds: collections.Counter[str] = collections.Counter()
    for number in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue  # the one that lists them
        kinds[re.sub(r"\[\d+\]|/proc/\d+/fd", "", link)] += 1
    return sorted(f"{kind} × {count}" for kind, count in kinds.items())


def _umask() -> str:
    status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    return next((line for line in status.splitlines() if line.startswith("Umask")), "")
