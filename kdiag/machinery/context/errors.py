"""Why a context ended."""

from __future__ import annotations


class ContextError(Exception):
    """A context is done."""


class Cancelled(ContextError):
    """Somebody cancelled the context or one of its ancestors."""

    def __init__(self, message: str = "context cancelled") -> None:
        super().__init__(message)


class DeadlineExceeded(ContextError, TimeoutError):
    """The context's deadline, or an ancestor's, has passed."""

    def __init__(self, message: str = "context deadline exceeded") -> None:
        super().__init__(message)
