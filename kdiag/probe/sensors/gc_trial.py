"""Changes of the collector's settings that somebody wants to try: made on request, and taken back.

It is separate from the sensor, which only looks. What is tried ends with the host that asked for it at the latest; what
is kept is remembered in the process, so that a later probe can take it back.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

MOST = 2**31 - 1
_KEPT = "_kdiag_kept"


class CannotTry(Exception):  # noqa: N818 - no error of ours
    """Nothing was changed; `reference` says why."""

    def __init__(self, reference: str, message: str) -> None:
        super().__init__(message)
        self.reference = reference


class Trial:
    """At most one change at a time: what it was before is `before`, empty while nothing is tried.

    `changes` counts them, so that whoever remembers how something is set knows when that is out of date.
    """

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}
        self.changes = 0

    def freeze(self) -> None:
        """Put all that is alive out of the collector's sight.

        Raises:
            CannotTry: something is tried or frozen already; to unfreeze it afterwards would be somebody else's loss.
        """
        self.check(freezes=True)
        self.before = {"frozen": True}
        gc.freeze()
        self.changes += 1

    def set_thresholds(self, thresholds: list[int]) -> None:
        """Set the collector's thresholds, as `gc.set_threshold` takes them.

        Raises:
            CannotTry: something is tried already.
        """
        self.check(freezes=False)
        before = gc.get_threshold()
        gc.set_threshold(*thresholds)
        self.before = {"thresholds": list(before), "set": list(gc.get_threshold())}

    def keep(self) -> None:
        """Leave what is tried as it is, for good."""
        if self.before:
            setattr(sys, _KEPT, self.before)
            self.before = {}

    def undo(self) -> bool:
        """Take back what is tried; tell whether there was anything."""
        before, self.before = self.before, {}
        _take_back(before)
        self.changes += 1
        return bool(before)

    def undo_kept(self) -> bool:
        """Take back what an earlier probe was told to keep; tell whether there was anything."""
        before = getattr(sys, _KEPT, {})
        if before:
            delattr(sys, _KEPT)
        _take_back(before)
        self.changes += 1
        return bool(before)

    def check(self, *, freezes: bool) -> None:
        """See whether a change can be tried.

        Raises:
            CannotTry: it cannot.
        """
        if self.before or hasattr(sys, _KEPT):
            raise CannotTry("trial-under-way", "something is tried, or was tried and kept, in this process already")
        if freezes and gc.get_freeze_count():
            raise CannotTry("already-frozen", "the service has frozen objects itself (gc.freeze)")


def _take_back(before: dict[str, Any]) -> None:
    if before.get("frozen"):
        gc.unfreeze()
    if "thresholds" in before and list(gc.get_threshold()) == before["set"]:  # else somebody has set others since
        gc.set_threshold(*before["thresholds"])
