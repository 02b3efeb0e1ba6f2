"""Threads that do one thing after another, when they are told to: races without chance."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_T = TypeVar("_T")


class Obedient:
    """A thread that runs what it is given, and nothing in between."""

    def __init__(self, name: str) -> None:
        self._orders: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def do(self, what: Callable[[], _T]) -> _T:
        """Have it do something; return what that returns or raise what it raises."""
        self._orders.put(what)
        value, error = self._answers.get(timeout=60)
        if error is not None:
            raise error
        result: _T = value
        return result

    def _run(self) -> None:
        while (what := self._orders.get()) is not None:
            try:
                self._answers.put((what(), None))
            except BaseException as error:
                self._answers.put((None, error))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> None:
        self._orders.put(None)
        self.thread.join(timeout=60)
