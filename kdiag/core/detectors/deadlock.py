"""deadlock: threads wait for each other in a circle of locks.

Proven where the source shows every edge of a circle of threads that did not run at all; suspected where threads stand
in acquire for good and nobody visibly holds what they wait for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.frames import Ownership, Tier, at
from kdiag.core.locks import Hold, Lock, Want, distinct, held, wanted
from kdiag.core.loops import idles
from kdiag.core.model import Evidence, Finding, NotEnoughEvidence, Place, Severity, Threshold, Window
from kdiag.core.pools import Doing, doing, task_of
from kdiag.core.threads import (
    Stillness,
    Track,
    Waiting,
    stack_source,
    stillness,
    too_few_stacks,
    tracks,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

VERDICT = "deadlock"

STILL = Threshold(
    "deadlock.still",
    "s",
    warning=3.0,
    critical=3.0,
    learnt_from="own preference: locks are held for milliseconds; asyncio pstree calls any circle an error",
)
THRESHOLDS = (STILL,)

_STILL_S = 3.0
_LOOKS = 8


@dataclass(frozen=True, slots=True)
class _Member:
    """One thread of the process at the window's end. `stuck` ones have waited for a lock too long, without a move."""

    track: Track
    want: Want | None
    still: Stillness | None
    holds: tuple[Hold, ...]

    @property
    def stuck(self) -> bool:
        return bool(self.want and self.still and self.still.span_s >= _STILL_S and self.still.looks >= _LOOKS)


#  run count of a waiting thread
#
#    contention  ▁▁▂▂▂▃▃▄▄▄▅▅▆▆▇▇   the lock moves, and so does everybody who gets it
#    deadlock    ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   nobody in the circle is ever put on a CPU again
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A circle of lock waits among threads that did not move; else threads that nobody is left to release."""
    if not window.stacks:
        return too_few_stacks(window, VERDICT, _LOOKS, _STILL_S)
    ownership = Ownership.of(window)
    members = [_member(track, ownership) for track in tracks(window) if track.alive]
    waiters = [member for member in members if member.want]
    if not waiters:
        return None
    if not any(member.stuck for member in members):
        if all(member.still is None for member in waiters):
            return NotEnoughEvidence(VERDICT, "whether waiting threads move could not be read", "allow reading /proc")
        return too_few_stacks(window, VERDICT, _LOOKS, _STILL_S)
    holders = _holders(members)
    circle = _circle(_edges(members, holders))
    if circle:
        return _proven(window, ownership, members, circle)
    return _suspected(window, ownership, members, holders)


def _member(track: Track, ownership: Ownership) -> _Member:
    want = wanted(track.last, ownership)
    return _Member(track, want, stillness(track) if want else None, tuple(held(track.last, ownership)))


def _holders(members: Sequence[_Member]) -> Mapping[Lock, list[int]]:
    """Who holds each lock by the source, as indexes into the members."""
    holders: dict[Lock, list[int]] = defaultdict(list)
    for index, member in enumerate(members):
        for lock in {hold.lock for hold in member.holds}:
            holders[lock].append(index)
        # `with a, b:` on one line: whoever waits there for b holds a.
        for lock in member.want.locks[:-1] if member.want else ():
            if index not in holders[lock]:
                holders[lock].append(index)
    return holders


def _edges(members: Sequence[_Member], holders: Mapping[Lock, list[int]]) -> dict[int, list[int]]:
    """Who waits for whom, where exactly one thread holds the lock: two holders of one name are two locks."""
    edges: dict[int, list[int]] = {}
    for index, member in enumerate(members):
        if member.stuck and member.want:
            edges[index] = [
                holders[lock][0]
                for lock in member.want.locks
                if len(holders.get(lock, ())) == 1 and members[holders[lock][0]].stuck
                if holders[lock][0] != index or any(hold.lock == lock for hold in member.holds)
            ]
    return edges


def _circle(edges: Mapping[int, list[int]]) -> list[int]:
    """The first circle in the graph, in the order of its waits; empty when there is none."""
    done: set[int] = set()
    for start in edges:
        path, pending = [start], [iter(edges[start])]
        while pending and start not in done:
            step = next(pending[-1], None)
            if step is None:
                pending.pop()
                done.add(path.pop())
            elif step in path:
                return path[path.index(step) :]
            elif step not in done:
                path.append(step)
                pending.append(iter(edges.get(step, ())))
    return []


def _proven(window: Window, ownership: Ownership, members: Sequence[_Member], circle: Sequence[int]) -> Finding:
    ring = [members[index] for index in circle]
    places, locks = [], set()
    for member, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        lock = _lock_between(member, following)
        locks.add(lock)
        places += [_waits(member, ownership, lock.name), *_holds(following, ownership, lock)]
    behind = [
        member
        for index, member in enumerate(members)
        if index not in circle and member.stuck and member.want and locks & set(member.want.locks)
    ]
    span = min(member.still.span_s for member in ring if member.still)
    names = [f"'{member.track.name}'" for member in ring]
    if len(ring) == 1:
        title = f"Thread {names[0]} waits at {at(places[0])} for {places[0].object}, which it holds itself"
    else:
        waits = "; ".join(f"'{p.thread}' waits for {p.object} at {at(p)}" for p in places if p.role == "waits")
        title = f"{len(ring)} threads wait for each other in a circle: {waits}"
    summary = f"None of them ran at all for at least {span:.1f} s, and none of them ever will."
    if behind:
        summary += f" {_threads(len(behind))} more wait{'s' if len(behind) == 1 else ''} behind them."
    return Finding(
        VERDICT,
        "critical",
        100,
        min(0.99, 0.9 + 0.02 * (span - _STILL_S)),
        title,
        summary,
        _culprit(ring[0], ownership, places[0].object),
        _evidence(window, ring, span, len(ring)),
        tuple(places),
        threads=tuple(member.track.ident for member in [*ring, *behind]),
    )


def _lock_between(member: _Member, following: _Member) -> Lock:
    """The lock that the one waits for and the other holds."""
    wants = member.want.locks if member.want else ()
    kept = {hold.lock for hold in following.holds} | set(following.want.locks[:-1] if following.want else ())
    return next(lock for lock in wants if lock in kept)


def _suspected(
    window: Window, ownership: Ownership, members: Sequence[_Member], holders: Mapping[Lock, list[int]]
) -> Finding | None:
    """Threads that wait for locks that nobody alive visibly holds.

    Two such locks, or two threads that each hold one lock and wait for another, look like a circle whose names do not
    tell the locks apart (`source.lock`, `destination.lock`). One lock alone was perhaps never released: that is said
    only when no thread is left that could hold it.
    """
    dead = _without_live_holder(members, holders)
    roots = [member for member in dead if not _held_by_others(member, members, holders)]
    wants = [member.want for member in roots if member.want]
    if len(dead) < 2 or not wants:
        return None
    able = [member for member in members if not member.stuck and _could_hold(member, ownership)]
    hold_and_wait = [member for member in roots if member.holds]
    someone_holds = any(member.holds for member in members if not member.stuck)
    crossed = distinct(wants, window.target.python) > 1 or (len(hold_and_wait) > 1 and not someone_holds)
    if not crossed and able:
        return None
    severity: Severity = "critical" if crossed and not able else "warning"
    span = min(member.still.span_s for member in dead if member.still)
    lines = ", ".join(sorted({at(want.frame) for want in wants}))
    unread = "" if all(want.seen for want in wants) else " (the source could not be read)"
    title = f"{_threads(len(dead))} have waited for locks at {lines} for {span:.1f} s: a deadlock is suspected{unread}"
    names = ", ".join(f"'{member.track.name}'" for member in dead[:8])
    places = [place for member in dead for place in _story(member, ownership)]
    return Finding(
        VERDICT,
        severity,
        90 if severity == "critical" else 75,
        0.8 if crossed else 0.6,
        title,
        f"{names} did not run at all meanwhile, and no running thread visibly holds what they wait for.",
        _culprit(roots[0], ownership, roots[0].want.name if roots[0].want else None),
        _evidence(window, dead, span, len(dead)),
        tuple(dict.fromkeys(places))[:20],
        suspected=True,
        threads=tuple(member.track.ident for member in dead),
    )


def _held_by_others(member: _Member, members: Sequence[_Member], holders: Mapping[Lock, list[int]]) -> bool:
    """Whether some other thread visibly and alone holds what this one waits for."""
    for lock in member.want.locks if member.want else ():
        owners = holders.get(lock, [])
        if len(owners) == 1 and members[owners[0]] is not member:
            return True
    return False


def _without_live_holder(members: Sequence[_Member], holders: Mapping[Lock, list[int]]) -> list[_Member]:
    """The stuck threads that do not wait, directly or through others, for a thread that is alive."""
    released = {index for index, member in enumerate(members) if not member.stuck}
    grown = True
    while grown:
        grown = False
        for index, member in enumerate(members):
            locks = member.want.locks if member.want else ()
            if index not in released and any(released & set(holders.get(lock, ())) for lock in locks):
                released.add(index)
                grown = True
    return [member for index, member in enumerate(members) if index not in released]


def _could_hold(member: _Member, ownership: Ownership) -> bool:
    """Whether the thread might hold a lock that its source does not show: it runs code that could have acquired one."""
    frames = member.track.last.frames
    if not frames:
        return True  # it ran since its stack was last read
    worker = task_of(frames)
    if worker and doing(*worker) is Doing.IDLE:
        return False
    if idles(member.track) or waiting(frames)[0] in {Waiting.JOIN, Waiting.FUTURE}:
        return False
    return any(ownership.tier(frame) >= Tier.LIBRARY for frame in frames)


def _story(member: _Member, ownership: Ownership) -> Iterator[Place]:
    if member.want:
        yield _waits(member, ownership, member.want.name)
    for hold in member.holds:
        yield from _holds(member, ownership, hold.lock)


def _waits(member: _Member, ownership: Ownership, name: str | None) -> Place:
    assert member.want  # noqa: S101 - only members that want are asked
    return ownership.place(member.want.frame, member.track.name, "waits", name)


def _holds(member: _Member, ownership: Ownership, lock: Lock) -> list[Place]:
    """Where the thread took the lock: the line of its `with`."""
    for hold in member.holds:
        if hold.lock == lock:
            function = ownership.name(hold.frame)
            return [Place(hold.frame.file, hold.line, function, member.track.name, lock.name, "holds")]
    return [ownership.place(member.want.frame, member.track.name, "holds", lock.name)] if member.want else []


def _culprit(member: _Member, ownership: Ownership, name: str | None) -> Place | None:
    frame = ownership.culprit(member.track.last.frames)
    return ownership.place(frame, member.track.name, what=name) if frame else None


def _evidence(window: Window, members: Sequence[_Member], span: float, count: int) -> tuple[Evidence, ...]:
    looks = min(member.still.looks for member in members if member.still)
    source = stack_source(window)
    return (
        Evidence(STILL.metric, round(span, 3), STILL.unit, looks, source, low=round(span, 3), threshold=STILL.warning),
        Evidence("deadlock.threads", count, "threads", looks, source),
    )


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
