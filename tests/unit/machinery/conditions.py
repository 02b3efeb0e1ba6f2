"""A condition to wait for."""

from __future__ import annotations


class Condition:
    """A condition that is true with its n-th call, or raises then."""

    def __init__(self, true_at: int = 0, error: Exception | None = None) -> None:
        self.calls = 0
        self._true_at = true_at
        self._error = error

    def __call__(self, *_: object) -> bool:
        self.calls += 1
        if self.calls != self._true_at:
            return False
        if self._error is not None:
            raise self._error
        return True
