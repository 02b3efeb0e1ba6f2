"""How long a probe stays without being asked for. Separate because it is the one rule that must not be got wrong."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Lease:
    """A right to stay for `seconds`, from its start or from when it was last renewed."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._now = now
        self._renewed_at = now()

    def renew(self) -> None:
        """Let it begin anew."""
        self._renewed_at = self._now()

    @property
    def left_s(self) -> float:
        """Seconds until it ends; zero or less once it has."""
        return self._renewed_at + self.seconds - self._now()

    @property
    def expired(self) -> bool:
        """Whether it has ended."""
        return self.left_s <= 0
