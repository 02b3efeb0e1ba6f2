"""deadlock: threads wait for each other in a circle of locks.

Proven where the probe saw the locks' owners, or where the source shows every edge of a circle of threads that did not
run at all; suspected where threads stand in acquire for good and nobody visibly holds what they wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.core import circles
from kdiag.core.frames import Ownership, Tier, at
from kdiag.core.locks import Lock, distinct
from kdiag.core.loops import idles
from kdiag.core.model import (
    Evidence,
    Finding,
    NotEnoughEvidence,
    Place,
    ProbedThread,
    Severity,
    Threshold,
    Window,
)
from kdiag.core.owners import LastingWait, Step, behind, circle, lasting_waits, stuck
from kdiag.core.pools import Doing, doing, task_of
from kdiag.core.threads import Waiting, stack_source, too_few_stacks, waiting
from kdiag.core.wait_graph import LOOKS, STILL_S, Member, WaitGraph, lock_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERDICT = "deadlock"

STILL = Threshold(
    "deadlock.still",
    "s",
    warning=STILL_S,
    critical=STILL_S,
    learnt_from="own preference: locks are held for milliseconds; asyncio pstree calls any circle an error",
)
THRESHOLDS = (STILL,)


#  run count of a waiting thread
#
#    contention  ▁▁▂▂▂▃▃▄▄▄▅▅▆▆▇▇   the lock moves, and so does everybody who gets it
#    deadlock    ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁   nobody in the circle is ever put on a CPU again
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """A circle of lock waits among threads that did not move; else threads that nobody is left to release."""
    waits = stuck(lasting_waits(window.probe))
    if ring := circle(waits):
        return _by_owners(window, ring, behind(waits, ring))
    if not window.stacks:
        return too_few_stacks(window, VERDICT, LOOKS, STILL_S)
    ownership = Ownership.of(window)
    graph = WaitGraph.of(window, ownership)
    waiters = [member for member in graph.members if member.want]
    if not waiters:
        return None
    if not any(member.stuck for member in waiters):
        if all(member.still is None for member in waiters):
            return NotEnoughEvidence(VERDICT, "whether waiting threads move could not be read", "allow reading /proc")
        return too_few_stacks(window, VERDICT, LOOKS, STILL_S)
    if by_source := graph.circle():
        return _proven(window, ownership, graph, by_source)
    return _suspected(window, ownership, graph)


def _by_owners(window: Window, ring: Sequence[Step], others: Sequence[LastingWait]) -> Finding:
    """A circle by the objects' own word."""
    ownership = Ownership.of(window)
    places = tuple(circles.places_of(ring, ownership))
    span, looks = min(each.span_s for each, _ in ring), min(each.looks for each, _ in ring)
    source = "probe.threads"
    blamed = [(ownership.culprit(each.who.frames) or each.frame, each.name, edge.what) for each, edge in ring]
    frame, name, what = max(blamed, key=lambda one: ownership.tier(one[0]))
    idle = (*(each for each, _ in ring), *others)
    kinds = circles.kinds_of([each for each, _ in ring])
    limited = any(edge.limited for _, edge in ring)
    return Finding(
        VERDICT,
        "warning" if limited else "critical",
        75 if limited else 100,
        0.99 if all(edge.sure for _, edge in ring) else 0.96,
        circles.title_of(ring, places),
        circles.summary_of(ring, others, span),
        ownership.place(frame, name, "", what),
        (
            Evidence(STILL.metric, round(span, 3), STILL.unit, looks, source, round(span, 3), None, STILL.warning),
            *(Evidence(f"deadlock.{kind}s", number, f"{kind}s", looks, source) for kind, number in kinds),
            *_of_itself(len(ring), looks, source),
        ),
        places,
        threads=tuple(each.who.ident for each in idle if isinstance(each.who, ProbedThread)),
    )


def _circle_title(names: Sequence[str], waits: Sequence[Place]) -> str:
    if len(names) == 1:
        return f"Thread '{names[0]}' waits at {at(waits[0])} for {waits[0].object}, which it holds itself"
    edges = "; ".join(f"'{place.thread}' waits for {place.object} at {at(place)}" for place in waits)
    return f"{len(names)} threads wait for each other in a circle: {edges}"


def _circle_summary(span: float, more: int) -> str:
    summary = f"None of them ran at all for at least {span:.1f} s, and none of them ever will."
    return f"{summary} {_threads(more)} more wait{'s' if more == 1 else ''} behind them." if more else summary


def _proven(window: Window, ownership: Ownership, graph: WaitGraph, ring: Sequence[Member]) -> Finding:
    places, locks = [], set()
    for member, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        lock = lock_between(member, following)
        locks.add(lock)
        places += [*_waits(member, ownership, lock.name), *_holds(following, ownership, lock)]
    others = [m for m in graph.members if m.stuck and m not in ring and m.want and locks & set(m.want.locks)]
    span = min(member.still.span_s for member in ring if member.still)
    return Finding(
        VERDICT,
        "critical",
        100,
        min(0.99, 0.9 + 0.02 * (span - STILL_S)),
        _circle_title([member.track.name for member in ring], [place for place in places if place.role == "waits"]),
        _circle_summary(span, len(others)),
        _culprit(ring[0], ownership, places[0].object),
        _evidence(window, ring, span, len(ring)),
        tuple(places),
        threads=tuple(member.track.ident for member in [*ring, *others]),
    )


def _suspected(window: Window, ownership: Ownership, graph: WaitGraph) -> Finding | None:
    """Threads that wait for locks that nobody alive visibly holds.

    Two such locks, or two threads that each hold one lock and wait for another, look like a circle whose names do not
    tell the locks apart (`source.lock`, `destination.lock`). One lock alone was perhaps never released: that is said
    only when no thread is left that could hold it.
    """
    dead = graph.without_live_holder()
    roots = [member for member in dead if not graph.held_by_others(member)]
    wants = [member.want for member in roots if member.want]
    if len(dead) < 2 or not wants:
        return None
    able = [member for member in graph.members if not member.stuck and _could_hold(member, ownership)]
    hold_and_wait = [member for member in roots if member.holds]
    someone_holds = any(member.holds for member in graph.members if not member.stuck)
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
        0.8 if len(hold_and_wait) > 1 else 0.6,
        title,
        f"{names} did not run at all meanwhile, and no running thread visibly holds what they wait for.",
        _culprit(roots[0], ownership, roots[0].want.name if roots[0].want else None),
        _evidence(window, dead, span, len(dead)),
        tuple(dict.fromkeys(places))[:20],
        suspected=True,
        threads=tuple(member.track.ident for member in dead),
    )


def _could_hold(member: Member, ownership: Ownership) -> bool:
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


def _story(member: Member, ownership: Ownership) -> Iterator[Place]:
    if member.want:
        yield from _waits(member, ownership, member.want.name)
    for hold in member.holds:
        yield from _holds(member, ownership, hold.lock)


def _waits(member: Member, ownership: Ownership, name: str | None) -> list[Place]:
    """Where the thread waits for a lock."""
    return [ownership.place(member.want.frame, member.track.name, "waits", name)] if member.want else []


def _holds(member: Member, ownership: Ownership, lock: Lock) -> list[Place]:
    """Where the thread took the lock: the line of its `with`."""
    for hold in member.holds:
        if hold.lock == lock:
            function = ownership.name(hold.frame)
            return [Place(hold.frame.file, hold.line, function, member.track.name, lock.name, "holds")]
    return [ownership.place(member.want.frame, member.track.name, "holds", lock.name)] if member.want else []


def _culprit(member: Member, ownership: Ownership, name: str | None) -> Place | None:
    frame = ownership.culprit(member.track.last.frames)
    return ownership.place(frame, member.track.name, what=name) if frame else None


def _evidence(window: Window, members: Sequence[Member], span: float, count: int) -> tuple[Evidence, ...]:
    looks = min(member.still.looks for member in members if member.still)
    source = stack_source(window)
    return (
        Evidence(STILL.metric, round(span, 3), STILL.unit, looks, source, low=round(span, 3), threshold=STILL.warning),
        Evidence("deadlock.threads", count, "threads", looks, source),
        *_of_itself(count, looks, source),
    )


def _of_itself(ring: int, looks: int, source: str) -> tuple[Evidence, ...]:
    """That the circle is of one, which waits for itself: the remedy is another one."""
    return (Evidence("deadlock.self", 1, "count", looks, source),) if ring == 1 else ()


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
