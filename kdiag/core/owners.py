"""Who waits for whom by the locks' own word: the probe tells each lock's identity and its owner.

Separate from `wait_graph`, which reasons from source lines and cannot tell two locks of one name apart. A wait for a
thread's end is an edge, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.model import ProbedThread, ProbedWait
from kdiag.core.wait_graph import STILL_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kdiag.core.model import Frame, Window

_LOOKS = 3
_KINDS = frozenset({"lock", "rlock", "thread"})


@dataclass(frozen=True, slots=True)
class LastingWait:
    """A thread that has waited for the same object, at the same place and of the same owner, until the window's end."""

    thread: ProbedThread
    wait: ProbedWait
    span_s: float
    looks: int

    @property
    def frame(self) -> Frame:
        """The line that waits."""
        return self.thread.frames[self.wait.depth]

    @property
    def name(self) -> str:
        """What it waits for, for people."""
        if self.wait.kind == "thread":
            return f"{self.wait.name or 'a thread'} to end"
        return self.wait.name or "a lock"


def lasting_waits(window: Window) -> Mapping[int, LastingWait]:
    """By ident, the threads whose wait for somebody lasted long enough to be no contention."""
    found = {}
    for thread in window.probe[-1].threads if window.probe else ():
        if thread.wait is None or not thread.wait.owner or thread.wait.kind not in _KINDS:
            continue
        since, looks = window.probe[-1].at, 0
        for sample in reversed(window.probe):
            if not any(_same(thread, earlier) for earlier in sample.threads):
                break
            since, looks = sample.at, looks + 1
        span_s = window.probe[-1].at - since
        if looks >= _LOOKS and span_s >= STILL_S:
            found[thread.ident] = LastingWait(thread, thread.wait, span_s, looks)
    return found


def circle(waits: Mapping[int, LastingWait]) -> Sequence[LastingWait]:
    """The first circle of threads that wait for each other; empty when there is none."""
    done: set[int] = set()
    for start in waits:
        path: list[int] = []
        ident = start
        while ident in waits and ident not in done:
            if ident in path:
                return [waits[each] for each in path[path.index(ident) :]]
            path.append(ident)
            ident = waits[ident].wait.owner
        done.update(path)
    return ()


def behind(waits: Mapping[int, LastingWait], ring: Sequence[LastingWait]) -> Sequence[LastingWait]:
    """The threads outside of a circle that wait, directly or through others, for one inside of it."""
    idents = {each.thread.ident for each in ring}
    grown = True
    while grown:
        more = {ident for ident, each in waits.items() if each.wait.owner in idents} - idents
        idents |= more
        grown = bool(more)
    return [each for ident, each in waits.items() if ident in idents and each not in ring]


def _same(thread: ProbedThread, other: ProbedThread) -> bool:
    return (
        thread.ident == other.ident
        and other.wait is not None
        and thread.wait is not None
        and (thread.wait.lock, thread.wait.owner) == (other.wait.lock, other.wait.owner)
        and thread.frames == other.frames
    )
