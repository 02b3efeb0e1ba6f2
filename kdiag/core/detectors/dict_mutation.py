"""dict-mutation: a container changes while another thread walks through it, or two threads' updates undo each other.

The loop that is broken off is an exception, which the hooks count. Who broke it, the watch on that one object tells:
the other thread that changed its keys last before. Where writes are not seen themselves, code on the stacks that
writes to the object is named, and said to be that. A loop that changes what it walks through itself is another bug.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, at
from kdiag.core.maps import conflicts
from kdiag.core.model import (
    ConflictKind,
    ConflictSide,
    CrashGroup,
    Evidence,
    Finding,
    Frame,
    MapConflict,
    Place,
    Severity,
    Threshold,
    Window,
)
from kdiag.core.series import score

if TYPE_CHECKING:
    from collections.abc import Sequence

VERDICT = "dict-mutation"

COUNT = Threshold("maps.conflicts", "conflicts", warning=3, critical=None, learnt_from="JMC, Datadog: 3 exceptions")
RATE = Threshold("maps.conflict_rate", "1/s", warning=None, critical=1.0, learnt_from="JMC, Datadog: exceptions ≥ 1/s")
THRESHOLDS = (COUNT, RATE)

CHANGED: ConflictKind = "changed-while-iterated"
WRITTEN: ConflictKind = "written-while-iterated"
UNLOCKED: ConflictKind = "unlocked-writes"
LOST: ConflictKind = "lost-update"
_GRAVEST = (LOST, CHANGED, WRITTEN, UNLOCKED)
_PROVEN = 2  # conflicts with both sides seen
_WORDS = {
    "no-watchers": "this Python has no way to watch a dict in place (3.12 and later have)",
    "no-gil": "without the GIL dicts are not watched",
    "no-ctypes": "this Python was built without ctypes",
    "audit-hook": "an audit hook is in place, which Python would run in the middle of each write",
    "no-watcher-free": "all of the interpreter's dict watchers are taken",
}
_BY_CODE = (
    "That the other thread's code writes to this very object was found on its stack; the write itself was not seen"
)
_SAID = {
    CHANGED: "The loop was broken off {times} in {seconds:.0f} s by the interpreter's own check.",
    WRITTEN: "Keys changed {times} between two looks that found a thread inside of one loop over it; the two have no "
    "lock in common.",
    UNLOCKED: "A write of one thread followed another one's {times}, no lock in common. Single writes are done as a "
    "whole, so this is a fault only where one depends on another.",
    LOST: "A thread wrote a number that is not above what another one had written right before {times}: it had read "
    "the number before that, so what the other one added is gone.",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of one container, or of one loop whose container is not known: the last conflict and how often."""

    conflict: MapConflict
    count: int
    ended: int
    span_s: float

    @property
    def rate(self) -> float:
        """Conflicts per second of the window."""
        return self.count / self.span_s if self.span_s > 0 else 0.0

    @property
    def both(self) -> bool:
        """Whether both sides were seen at it, and not only their code."""
        return self.conflict.seen and len(self.conflict.sides) > 1

    @property
    def severity(self) -> Severity:
        """Writes without a common lock are no conflict by themselves: each one is done as a whole."""
        if self.conflict.kind == UNLOCKED:
            return "info"
        if self.count >= (COUNT.warning or 0) and self.rate >= (RATE.critical or 0):
            return "critical"
        enough = self.count >= (COUNT.warning or 0) or self.ended or (self.both and self.count >= _PROVEN)
        return "warning" if enough else "info"


#  conflicts about one container over the window
#    healthy  . . . . . . . . . . . . . .   one lock around both sides, or a loop over a copy
#    sick     . x . . x x . x . . x . x .   loops broken off while another thread writes, again and again
#    lost     . u . . . u . . u . . . . .   nothing is raised, but the numbers do not add up
def detect(window: Window) -> Finding | None:
    """The container with the gravest conflict."""
    cases = [*_watched(window), *_only_raised(window)]
    if not cases:
        return None
    worst = max(cases, key=lambda case: (_rank(case), case.count))
    others = [case for case in cases if case.conflict.name != worst.conflict.name and case.severity != "info"]
    return _finding(window, worst, others)


def _rank(case: _Case) -> tuple[int, int]:
    return ("info", "warning", "critical").index(case.severity), -_GRAVEST.index(case.conflict.kind)


def _watched(window: Window) -> list[_Case]:
    """The conflicts of the containers that were looked at."""
    found = [_Case(conflict, conflict.count, 0, window.duration_s) for conflict in conflicts(window)]
    walked = Counter(_loop(case.conflict) for case in found if case.conflict.kind == CHANGED)
    return [
        _with_raised(window, case, countable=case.conflict.kind == CHANGED and walked[_loop(case.conflict)] == 1)
        for case in found
        if case.count and not _alone(case.conflict)
    ]


def _with_raised(window: Window, case: _Case, *, countable: bool) -> _Case:
    """With what the hooks tell of the same loop: they count each exception, the watch looks only as often as it may.

    Args:
        window: has the exceptions.
        case: by the watch.
        countable: the loop walks through no other container that is known, so all of its exceptions are this one's.
    """
    groups = [group for group in _groups(window) if _inner(group)[:1] == _loop(case.conflict)]
    raised = sum(group.count for group in groups) if countable else 0
    return replace(case, count=max(case.count, raised), ended=sum(group.ended for group in groups))


def _alone(conflict: MapConflict) -> bool:
    """Whether the loop's own thread changes the container."""
    iterates, writes = conflict.iterates, conflict.writes
    return iterates is not None and writes is not None and iterates.ident == writes.ident


def _loop(conflict: MapConflict) -> tuple[Frame, ...]:
    """Where the loop stands; nowhere when it was not seen."""
    return conflict.iterates.frames[:1] if conflict.iterates else ()


def _groups(window: Window) -> list[CrashGroup]:
    groups = (group for sample in window.probe for group in sample.crashes.groups)
    return [group for group in groups if group.kind == "mutation" and group.count]


def _inner(group: CrashGroup) -> tuple[Frame, ...]:
    return tuple(frame.frame for frame in group.frames)


def _only_raised(window: Window) -> list[_Case]:
    """Loops that were broken off, and nothing is known of their container."""
    known = {
        conflict.iterates.frames[:1]
        for sample in window.probe
        for conflict in sample.maps.conflicts
        if conflict.iterates
    }
    groups: dict[int, list[CrashGroup]] = {}
    for group in _groups(window):
        if _inner(group)[:1] not in known:
            groups.setdefault(group.number, []).append(group)
    found = []
    for same in groups.values():
        last = same[-1]
        kind = "set" if last.message.startswith("Set") else "dict"
        side = ConflictSide(last.threads[0] if last.threads else "", 0, last.last_at, _inner(last))
        conflict = MapConflict(
            CHANGED, 0, "", kind, last.count, same[0].first_at, last.last_at, side, None, None, seen=False
        )
        count, ended = sum(group.count for group in same), sum(group.ended for group in same)
        found.append(_Case(conflict, count, ended, window.duration_s))
    return found


def _finding(window: Window, case: _Case, others: Sequence[_Case]) -> Finding:
    ownership, conflict = Ownership.of(window), case.conflict
    places = _places(ownership, conflict)
    culprit = replace(places[0], role="") if places else None
    threads = tuple(side.ident for side in conflict.sides if side.ident)
    points = score(case.count, COUNT)
    return Finding(
        VERDICT,
        case.severity,
        max(points, 75) if case.severity != "info" else min(points, 74),
        _confidence(case),
        _title(conflict, places),
        " ".join(_summary(window, case, others)),
        culprit,
        (
            Evidence(COUNT.metric, case.count, COUNT.unit, case.count, "probe.maps", case.count, None, COUNT.warning),
            Evidence(RATE.metric, case.rate, RATE.unit, case.count, "probe.maps", threshold=RATE.critical),
        ),
        places,
        suspected=conflict.kind != CHANGED and not conflict.seen,
        threads=threads,
    )


def _places(ownership: Ownership, conflict: MapConflict) -> tuple[Place, ...]:
    """Each side's place: of the service's own code, where it is in the stack."""
    sides = (("iterates", conflict.iterates), ("writes", conflict.writes), ("writes", conflict.other))
    found = [
        ownership.place(frame, side.thread or None, role, conflict.name or None)
        for role, side in sides
        if side is not None and (frame := ownership.culprit(side.frames)) is not None
    ]
    return tuple(found)


def _confidence(case: _Case) -> float:
    """By what was seen: both sides, one side and the other's code, or only that it happened."""
    if case.both:
        return 0.97 if case.conflict.kind == CHANGED else 0.9
    return 0.8 if case.conflict.writes is not None else 0.7


def _title(conflict: MapConflict, places: Sequence[Place]) -> str:
    what = conflict.name or f"A {conflict.type}"
    one, *rest = places or [Place("?", 0, "?")]
    other = rest[0] if rest else None
    if conflict.kind == LOST:
        threads = " and ".join(f"'{place.thread}'" for place in places if place.thread)
        return f"Updates of {what} are lost: {threads or 'two threads'} overwrite each other's numbers at {at(one)}"
    if conflict.kind == UNLOCKED:
        return f"{what} is written by several threads without a common lock, at {at(one)}"
    walks = f"{what} changes while '{one.thread}' walks through it at {at(one)}"
    if other is None:
        return f"{walks}: the writer was not seen"
    verb = "writes" if conflict.seen else "has code that writes"
    return f"{walks}: '{other.thread}' {verb} at {at(other)}"


def _summary(window: Window, case: _Case, others: Sequence[_Case]) -> list[str]:
    conflict = case.conflict
    times = "once" if case.count == 1 else f"{case.count} times"
    told = [_SAID[conflict.kind].format(times=times, seconds=case.span_s), *_how_known(window, conflict)]
    if case.ended:
        told.append(f"It ended {case.ended} threads or tasks.")
    if others:
        told.append("So do " + ", ".join(sorted({case.conflict.name or "another" for case in others})) + ".")
    return told


def _how_known(window: Window, conflict: MapConflict) -> list[str]:
    if conflict.seen:
        return []
    limits = next((sample.maps.limits for sample in reversed(window.probe)), ())
    why = next((f": {_WORDS[limit]}" for limit in limits if limit in _WORDS), "")
    if conflict.writes is not None:
        return [f"{_BY_CODE}{why}."]
    guard = f"kdiag guard {window.target.pid} module:NAME"
    return [f"The writer was not seen{why}. A longer observation may catch it, {guard}, or a GuardedMap in its place."]
