"""The asyncio side of contexts. Separate so that asyncio is imported only where it is used."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ..events import Stop, done_of, subscribe
from .derive import with_cancel

if TYPE_CHECKING:
    from types import TracebackType

    from .kinds import Context


class TaskScope:
    """Cancels the task that runs its block when a context ends (see `as_asyncio`)."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._open = False  # it and _cancelled change in the event loop's thread only
        self._cancelled = False

    async def __aenter__(self) -> Context:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("as_asyncio needs a running task")
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._cancelling_before: int = task.cancelling() if hasattr(task, "cancelling") else 0
        # A child, so that a foreign context's error is known too, and is the same from now on.
        self._ctx, self._leave = with_cancel(self._stop)
        self._open = True
        self._call_off = subscribe(done_of(self._ctx), self._told)
        return self._ctx

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> None:
        self._open = False
        self._call_off()
        try:
            if self._cancelled and self._is_ours() and isinstance(exc, asyncio.CancelledError):
                self._ctx.raise_if_done()
        finally:
            self._leave()

    def _told(self) -> None:
        """Hand over to the loop's thread; called in the thread that ends the context."""
        with contextlib.suppress(RuntimeError):  # a loop that is closed has no task left to cancel
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._open:
            self._cancelled = True
            self._task.cancel()

    def _is_ours(self) -> bool:
        """Take our request back; tell whether nobody else has asked the task to end meanwhile."""
        if not hasattr(self._task, "uncancel"):  # before 3.11 nobody counts
            return True
        return self._task.uncancel() <= self._cancelling_before
