"""Crashes of the service: those that end something, those that are logged, and from 3.12 on those that are swallowed.

It is separate from `hooks`, which runs in threads of the service: here is when the hooks come and go.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ..hooks import all_hooks
from ..hooks.store import SILENT, Store
from .calls import forget

if TYPE_CHECKING:
    from ..hooks import Hook


class CrashesSensor:
    """See the module."""

    name = "crashes"
    period_s = 0.25

    def __init__(self) -> None:
        self._store = Store()
        self._hooks: list[Hook] = all_hooks(self._store)
        self._placed: list[Hook] = []  # replaced, never changed: it is read meanwhile

    def start(self) -> None:
        """Put all hooks in that can be."""
        self._place()

    def stop(self) -> None:
        """Take all hooks out, last first."""
        placed, self._placed = self._placed, []
        for hook in reversed(placed):
            hook.remove()
        forget()

    def tick(self) -> None:
        """Add up what the hooks have noted, and put in those that could not be before."""
        self._place()
        self._store.guard.heal()
        for hook in self._placed:
            hook.tick()
        self._store.fold()

    @property
    def dropped(self) -> int:
        """Crashes that were not counted, because there were too many or one came while another was noted."""
        return self._store.lost + self._store.guard.skipped

    @property
    def buffered(self) -> int:
        """What is not yet added up, and groups."""
        return self._store.buffered

    @property
    def hook_s(self) -> float:
        """Seconds that the hooks have used up in threads of the service."""
        return self._store.told_s

    def data(self, since: int) -> dict[str, Any]:
        """The groups of crashes that have changed after number `since`; times in seconds of perf_counter.

        `raises` says whether what is swallowed in silence is seen; `crashes` counts failures of the hooks themselves.
        """
        crashes = self._store.guard.crashes
        names = [hook.name for hook in self._placed]
        return {
            "at": time.perf_counter(),
            "hooks": names,
            "raises": SILENT in names,
            **self._store.data(since),
            "dropped": self.dropped,
            "crashes": crashes.count,
            "last_crash": crashes.last,
        }

    def _place(self) -> None:
        for hook in self._hooks:
            if hook not in self._placed and hook.place():
                self._placed = [*self._placed, hook]
