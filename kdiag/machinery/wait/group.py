"""Threads that are waited for together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from ..events import Stop, done_of
from ..runtime import handle_crash
from .errors import EndsAsAsked

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..context import Context

S = TypeVar("S", bound=Stop)


class Group:
    """Starts functions in threads of their own, and waits for all of them.

    A crash in one goes through `handle_crash` and ends there: the others go on. (Being interrupted once its own stop is
    done is no crash.) The threads are daemons, since work
    of ours must not keep a process from ending.
    """

    def __init__(self, name: str = "group") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []  # guarded by _lock; started ones that may still run

    def start(self, f: Callable[[], object], name: str = "") -> None:
        """Run `f` in a thread, named after the group and `name` (by default the function's)."""
        label = f"{self._name}-{name or getattr(f, '__name__', type(f).__name__)}"
        thread = threading.Thread(target=_run, args=(f,), name=label, daemon=True)
        with self._lock:
            thread.start()
            self._threads = [each for each in self._threads if each.is_alive()]
            self._threads.append(thread)

    def start_with_context(self, ctx: Context, f: Callable[[Context], object], name: str = "") -> None:
        """Run `f(ctx)` in a thread."""
        self.start_with_stop(ctx, f, name)

    def start_with_stop(self, stop: S, f: Callable[[S], object], name: str = "") -> None:
        """Run `f(stop)` in a thread."""

        def run() -> None:
            with EndsAsAsked(done_of(stop)):
                f(stop)

        self.start(run, name or getattr(f, "__name__", ""))

    def wait(self) -> None:
        """Block until all have ended, those included that are started meanwhile."""
        while True:
            with self._lock:
                if not self._threads:
                    return
                thread = self._threads[-1]
            thread.join()
            with self._lock:
                self._threads = [each for each in self._threads if each is not thread]


def _run(f: Callable[[], object]) -> None:
    with handle_crash(really_crash=False):
        f()
