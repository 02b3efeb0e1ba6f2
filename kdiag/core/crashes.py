"""The crashes of a window: what all samples told of each fingerprint, added up.

Separate from the two detectors that read them, so that both count alike.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, Tier, at
from kdiag.core.handlers import Catch, catch
from kdiag.core.model import CrashGroup, Evidence, Frame, Threshold, Window
from kdiag.core.series import poisson_low

if TYPE_CHECKING:
    from collections.abc import Collection

REPEATED = Threshold("crash.count", "exceptions", warning=3, critical=None, learnt_from="JMC, Datadog")
ENDED = Threshold("crash.ended", "exceptions", warning=1, critical=None, learnt_from="JMC, Datadog")
RATE = Threshold("crash.rate", "exceptions/s", warning=None, critical=1.0, learnt_from="JMC, Datadog")
THRESHOLDS = (REPEATED, ENDED, RATE)

SOURCE = "probe.crashes"
SILENT = "sys.monitoring"  # the hook that sees what is swallowed
LOGGED = "logging"


@dataclass(frozen=True, slots=True)
class Crash:
    """One fingerprint over a window of `span_s` seconds; the group's numbers are the window's.

    Attributes:
        caught: where it is caught for good, as far as the sources tell; not asked where a hook tells that nobody does.
        own: whether it is raised in the service's own code.
    """

    group: CrashGroup
    span_s: float
    caught: Catch | None
    own: bool

    @property
    def count(self) -> int:
        """How many there were."""
        return self.group.count

    @property
    def swallowed(self) -> int:
        """How many nobody told of: they were seen only when they were raised."""
        return min(self.count, max(0, self.group.by.get(SILENT, 0)))

    @property
    def rate(self) -> float:
        """A second."""
        return self.count / self.span_s

    @property
    def rate_low(self) -> float:
        """A second, the lower bound of what is to be expected."""
        return poisson_low(self.count) / self.span_s

    def evidence(self) -> tuple[Evidence, ...]:
        """Its numbers."""
        told = [
            Evidence(REPEATED.metric, self.count, REPEATED.unit, self.count, SOURCE, threshold=REPEATED.warning),
            Evidence(RATE.metric, self.rate, RATE.unit, self.count, SOURCE, self.rate_low, threshold=RATE.critical),
        ]
        if self.group.ended:
            ended = self.group.ended
            told.append(Evidence(ENDED.metric, ended, ENDED.unit, self.count, SOURCE, threshold=ENDED.warning))
        if self.swallowed:
            told.append(Evidence("crash.swallowed", self.swallowed, REPEATED.unit, self.count, SOURCE))
        return tuple(told)


def crashes(window: Window, ownership: Ownership, kinds: Collection[str]) -> list[Crash]:
    """The fingerprints of these kinds that were seen in the window, the most frequent first."""
    merged: dict[int, CrashGroup] = {}
    for sample in window.probe:
        for group in sample.crashes.groups:
            if group.kind in kinds:
                merged[group.number] = _added(merged[group.number], group) if group.number in merged else group
    span_s = max(window.duration_s, 1e-3)
    found = [_crash(group, span_s, window, ownership) for group in merged.values()]
    return sorted(found, key=lambda crash: (crash.group.ended, crash.count), reverse=True)


def _added(before: CrashGroup, now: CrashGroup) -> CrashGroup:
    by = Counter(before.by)
    by.update(now.by)
    return replace(now, count=before.count + now.count, ended=before.ended + now.ended, by=dict(by))


def _crash(group: CrashGroup, span_s: float, window: Window, ownership: Ownership) -> Crash:
    # Raised before the window and told of in it: they are no less news.
    count = max(group.count, group.ended, sum(number for number in group.by.values() if number > 0))
    hooks = {hook for hook, number in group.by.items() if number > 0}
    caught = catch(group, window.sources) if hooks <= {SILENT, LOGGED} else None
    own = bool(group.frames) and ownership.tier(group.frames[0].frame) is Tier.OWN
    return Crash(replace(group, count=count), span_s, caught, own)


def frames_of(group: CrashGroup) -> tuple[Frame, ...]:
    """The frames of a group, innermost first."""
    return tuple(frame.frame for frame in group.frames)


def times(count: int) -> str:
    """The number in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def consequence(group: CrashGroup) -> str:
    """What it ended, for titles; "" where it ended nothing."""
    if not group.ended:
        return ""
    names = " and ".join(f"'{name}'" for name in group.threads[:2])
    what = f"thread {names}" if "threading.excepthook" in group.by and len(group.threads) == 1 else ""
    if "sys.excepthook" in group.by:
        what = "the process"
    elif "asyncio" in group.by:
        what = "a task" if group.ended == 1 else f"{group.ended} tasks"
    elif not what:
        what = "a thread" if group.ended == 1 else f"{group.ended} threads"
    return f"and ended {what}"


def how_told(crash: Crash) -> str:
    """Who told of it, and who catches it, in sentences."""
    group = crash.group
    told = {hook: count for hook, count in group.by.items() if count > 0 and hook != SILENT}
    parts = [f"{hook} told of {count}" for hook, count in sorted(told.items(), key=lambda each: -each[1])]
    sentences = []
    if group.loggers:
        parts = [part + f" (logger {', '.join(group.loggers)})" if part.startswith(LOGGED) else part for part in parts]
    if parts:
        sentences.append("; ".join(parts) + ".")
    if crash.swallowed:
        caught = crash.caught
        where = f" by the handler at {at(caught.place)}" if caught else ""
        sentences.append(f"Nobody told of {crash.swallowed}: they were swallowed{where}.")
    return " ".join(sentences)
