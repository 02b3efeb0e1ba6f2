"""The error of a wait that ran out, and how to tell it from a failure of the work."""

from __future__ import annotations

from ..context import ContextError


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
