"""Watches containers of a process by their names, or finds out which of its dicts several threads write to.

It is separate from a session because nothing is diagnosed: somebody has a suspect, or wants one.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kdiag.attach.attachment import Way, attach
from kdiag.attach.preflight import preflight
from kdiag.attach.process import ProcessFacts
from kdiag.core.model import MapAccount, MapConflict
from kdiag.errors import USAGE, KdiagError
from kdiag.machinery.clock import REAL
from kdiag.machinery.context import background, from_signal
from kdiag.sources.probe import START_WITHIN_S
from kdiag.sources.probe_maps import MapCounts, read_maps

if TYPE_CHECKING:
    from collections.abc import Callable

    from kdiag.attach.channel import Channel
    from kdiag.engine.inside import WayIn
    from kdiag.machinery.context import Context

_READ_EVERY_S = 0.25
_HINTS = {
    "no-such-name": "Names are those of the running process: kdiag guard PID --scan lists some.",
    "bad-name": "Write it like shop.metrics:REGISTRY, or shop.metrics:Server.cache for an attribute.",
    "not-a-dict": "Name the dict, set or deque itself: module:NAME.attribute",
    "too-many": "Guard fewer at a time.",
}
_NO_SCAN = {
    "no-watchers": "Writes can be seen from Python 3.12 on. Here, guard a suspect by its name: module:NAME.",
    "no-gil": "On builds without the GIL use a GuardedMap in its place.",
    "audit-hook": "Python would run the service's audit hook in the middle of every write.",
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """What was seen.

    Attributes:
        account: all of it; counts are of the whole time.
        scanned: how many dicts were looked at; 0 when they were named.
        duration_s: for how long.
        interrupted: somebody ended it before its time.
        lost: why nothing more could be seen before the time was over; "" where it could.
    """

    facts: ProcessFacts
    account: MapAccount
    scanned: int
    duration_s: float
    interrupted: bool
    lost: str = ""


@dataclass
class Guarding:
    """A watch that is ready to begin. `names` are like "module:NAME"; none: all dicts are looked at."""

    facts: ProcessFacts
    names: Sequence[str]
    window_s: float
    way: Way
    _conflicts: dict[tuple[int, str], MapConflict] = field(default_factory=dict, init=False)

    def run(self, show: Callable[[float, float, str], None]) -> Guarded:
        """Watch until the time is over or somebody interrupts; what was seen until then is kept.

        Args:
            show: called several times a second with seconds done, seconds in all, and what was seen.

        Raises:
            KdiagError: the process cannot be entered, a name means nothing there, or it cannot be watched.
        """
        context, restore = from_signal(signal.SIGINT, signal.SIGTERM, parent=background())
        try:
            attachment = attach(self.facts, self.way)
            try:
                return self._watch(attachment.channel, context, show)
            finally:
                attachment.close()
        finally:
            restore()

    def _watch(self, channel: Channel, context: Context, show: Callable[[float, float, str], None]) -> Guarded:
        channel.request("start", START_WITHIN_S, sensors=["crashes", "maps"])
        scanned = self._ask(channel)
        counts, account, since = MapCounts(), MapAccount(), 0
        started, lost, told = REAL.now(), "", None
        try:
            while (elapsed := REAL.now() - started) < self.window_s and not context.done.is_set():
                show(elapsed, self.window_s, _seen(account))
                REAL.wait(context.done, min(_READ_EVERY_S, max(0.0, self.window_s - elapsed)))
                told = read_maps(channel, since)
                account, since = self._add(counts.account(told)), told.sequence
            if scanned:
                scan(channel, on=False)
        except KdiagError as error:
            if not channel.lost or told is None:
                raise
            lost = error.message
        return Guarded(self.facts, account, scanned, REAL.now() - started, context.done.is_set(), lost)

    def _ask(self, channel: Channel) -> int:
        if not self.names:
            return scan(channel, on=True)
        guard(channel, self.names)
        return 0

    def _add(self, now: MapAccount) -> MapAccount:
        """The account with the conflicts of the whole time."""
        for conflict in now.conflicts:
            key = conflict.container, conflict.kind
            before = self._conflicts[key].count if key in self._conflicts else 0
            self._conflicts[key] = replace(conflict, count=before + conflict.count)
        return replace(now, conflicts=tuple(self._conflicts.values()))


def guard(channel: Channel, names: Sequence[str]) -> None:
    """Have containers watched until the probe leaves, by their names: "module:NAME".

    Raises:
        KdiagError: a name means nothing there, or cannot be watched.
    """
    try:
        channel.request("guard", names=list(names))
    except KdiagError as error:
        if error.reference not in _HINTS:
            raise
        raise KdiagError(error.reference, error.message, hint=_HINTS[error.reference], exit_code=USAGE) from error


def scan(channel: Channel, *, on: bool) -> int:
    """Have all dicts looked at that are global variables or attributes of classes, or no more; returns how many are.

    Raises:
        KdiagError: writes cannot be seen in that process.
    """
    try:
        return int(channel.request("scan", on=on).get("count", 0))
    except KdiagError as error:
        if error.reference not in _NO_SCAN:
            raise
        raise KdiagError(error.reference, error.message, hint=_NO_SCAN[error.reference]) from error


def guarding(pid: int, names: Sequence[str], *, window_s: float, way: WayIn) -> Guarding:
    """Open a process to watch containers of it.

    Raises:
        KdiagError: it cannot be looked at; the error says why and what to do.
    """
    if way == "none":
        raise KdiagError(
            "usage", "Dicts are seen from inside only, so --attach none cannot be.", hint="kdiag doctor PID",
            exit_code=USAGE,
        )  # fmt: skip
    return Guarding(preflight(pid, "process"), names, window_s, way)


def _seen(account: MapAccount) -> str:
    writes = sum(each.writes for each in account.watched) + sum(each.writes for each in account.suspects)
    return f"{writes} writes"
