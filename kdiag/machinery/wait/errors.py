"""The error of a wait that ran out, and how to tell it from a failure of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..context import ContextError

if TYPE_CHECKING:
    from types import TracebackType

    from ..events import Event


class WaitTimeout(TimeoutError):
    """The condition was not met in time."""

    def __init__(self, message: str = "timed out waiting for the condition") -> None:
        super().__init__(message)


def interrupted(error: BaseException | None) -> bool:
    """Tell whether the work was cut short: `error` is, or wraps (`raise … from`), a timeout or a context's end."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (WaitTimeout, ContextError)):
            return True
        seen.add(id(error))
        error = error.__cause__
    return False


class EndsAsAsked:
    """A guard within which being interrupted is no crash once `done` is set: who was told to stop has stopped."""

    __slots__ = ("_done",)

    def __init__(self, done: Event) -> None:
        self._done = done

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, stack: TracebackType | None
    ) -> bool:
        return self._done.is_set() and interrupted(exc)
