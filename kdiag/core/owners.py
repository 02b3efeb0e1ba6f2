"""Who waits for whom by the objects' own word: the probe tells what each thread and task waits for, and who can end it.

A wait has edges: one of the ends of each must come, or the wait lasts for ever. A lock has one end, its owner; a piece
of work in a pool's queue has as many as the pool has workers; a task needs the thread that runs its loop, too. Whoever
waits only for such as wait in the same way is stuck, and among those is a circle.

Separate from `wait_graph`, which reasons from source lines and cannot tell two locks of one name apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.model import Frame, ProbedTask, ProbedThread, ProbedWait
from kdiag.core.wait_graph import STILL_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.model import ProbeSample, WaitsSample

HELD = frozenset({"lock", "rlock", "semaphore"})
_LOOKS = 3

Key = tuple[str, int]  # "thread" and its ident, or "task" and its id


@dataclass(frozen=True, slots=True)
class Edge:
    """Something that a wait needs.

    Attributes:
        ends: who could bring it; nobody else.
        what: what it is, for people.
        kind: that of the wait; "loop" where a task needs its loop to turn.
        held_at: where its owner took it.
        sure: it is known for certain who can bring it.
        queued: it stands in the queue of a pool.
        limited: the wait ends by itself when a time is over, or may do so.
    """

    ends: frozenset[Key]
    what: str
    kind: str
    held_at: Frame | None = None
    sure: bool = True
    queued: bool = False
    limited: bool = False


@dataclass(frozen=True, slots=True)
class LastingWait:
    """A thread or a task that has stood at the same place, waiting for the same, until the window's end."""

    who: ProbedThread | ProbedTask
    edges: tuple[Edge, ...]
    span_s: float
    looks: int

    @property
    def key(self) -> Key:
        """Which thread or task it is."""
        return key_of(self.who)

    @property
    def name(self) -> str:
        """How people know it."""
        return self.who.name if isinstance(self.who, ProbedThread) else f"task {self.who.name}"

    @property
    def depth(self) -> int:
        """The index of the frame that waits, behind the library's own."""
        return self.who.wait.depth if self.who.wait else 0

    @property
    def frame(self) -> Frame:
        """The line that waits."""
        return self.who.frames[self.depth]


Waits = Mapping[Key, LastingWait]
Step = tuple[LastingWait, Edge]


def key_of(who: ProbedThread | ProbedTask) -> Key:
    """The thread or task as a node of the graph."""
    return ("thread", who.ident) if isinstance(who, ProbedThread) else ("task", who.task)


def lasting_waits(samples: Sequence[ProbeSample | WaitsSample], span_s: float = STILL_S, least: int = _LOOKS) -> Waits:
    """Those whose wait for somebody lasted: by default long enough to be no contention."""
    if not samples:
        return {}
    end = samples[-1].at
    edges = {key: tuple(edges_of(who)) for key, who in _parties(samples[-1]) if who.frames}
    last = {key: who for key, who in _parties(samples[-1]) if edges.get(key)}
    since = dict.fromkeys(last, end)
    looks = dict.fromkeys(last, 1)
    lasting = set(last)
    for sample in reversed(samples[:-1]):
        earlier = {key: who for key, who in _parties(sample) if key in lasting}
        lasting = {key for key in lasting if key in earlier and _same(last[key], earlier[key])}
        for key in lasting:
            since[key] = sample.at
            looks[key] += 1
    return {
        key: LastingWait(who, edges[key], end - since[key], looks[key])
        for key, who in last.items()
        if looks[key] >= least and end - since[key] >= span_s
    }


def edges_of(who: ProbedThread | ProbedTask) -> Iterator[Edge]:
    """What a thread or a task needs, as far as it is known who could bring it."""
    wait = who.wait
    if wait is not None:
        what = what_of(wait)
        if wait.owner:
            ends = frozenset({("thread", wait.owner)})
            yield Edge(ends, what, wait.kind, wait.held_at, wait.sure, limited=wait.limited)
        elif wait.workers:
            ends = frozenset(("thread", ident) for ident in wait.workers)
            yield Edge(ends, f"{what} that no worker is free to bring", wait.kind, queued=True, limited=wait.limited)
        for task in wait.tasks:
            yield Edge(frozenset({("task", task)}), what, wait.kind, wait.held_at, wait.sure, limited=wait.limited)
    if isinstance(who, ProbedTask) and who.thread:
        yield Edge(frozenset({("thread", who.thread)}), "its event loop to turn", "loop")


def stuck(waits: Waits) -> Waits:
    """Those whose wait nobody can end who is not stuck, too."""
    left = dict(waits)
    while True:
        kept = {key: each for key, each in left.items() if any(edge.ends <= left.keys() for edge in each.edges)}
        if len(kept) == len(left):
            return kept
        left = kept


def circle(waits: Waits) -> Sequence[Step]:
    """The first circle of such as are stuck, each with what it needs of the next; empty when there is none.

    One whose members all wait for work in the queues of their own pools is none here: it is a pool's nested wait.
    """
    done: set[Key] = set()
    for start in waits:
        path: dict[Key, Edge] = {}
        key = start
        while key not in path and key not in done:
            path[key] = next(edge for edge in waits[key].edges if edge.ends <= waits.keys())
            key = min(path[key].ends)
        if key in path:
            keys = list(path)
            ring = [(waits[each], path[each]) for each in keys[keys.index(key) :]]
            if not all(edge.queued for _, edge in ring):
                return ring
        done.update(path)
    return ()


def circles(waits: Waits) -> Iterator[Sequence[Step]]:
    """All circles that have no thread and no task in common."""
    while ring := circle(stuck(waits)):
        yield ring
        keys = {each.key for each, _ in ring}
        waits = {key: each for key, each in waits.items() if key not in keys}


def behind(waits: Waits, ring: Sequence[Step]) -> Sequence[LastingWait]:
    """Those outside of a circle that wait, directly or through others, for one inside of it."""
    keys = {each.key for each, _ in ring}
    grown = True
    while grown:
        more = {key for key, each in waits.items() if any(edge.ends & keys for edge in each.edges)} - keys
        keys |= more
        grown = bool(more)
    inside = {each.key for each, _ in ring}
    return [each for key, each in waits.items() if key in keys - inside]


def _parties(sample: ProbeSample | WaitsSample) -> Iterator[tuple[Key, ProbedThread | ProbedTask]]:
    for who in sample.parties():
        yield key_of(who), who


def _same(who: ProbedThread | ProbedTask, other: ProbedThread | ProbedTask) -> bool:
    return who is other or (who.wait == other.wait and who.frames == other.frames)


def what_of(wait: ProbedWait) -> str:
    """What it waits for, for people."""
    if wait.kind == "thread":
        return f"{wait.name or 'a thread'} to end"
    if wait.kind in {"task", "tasks"}:
        return f"{wait.name or ('a task' if wait.kind == 'task' else 'other tasks')} to end"
    if wait.kind == "future":
        return f"the result {wait.name}" if wait.name else "a result"
    return wait.name or f"a {'lock' if wait.kind == 'rlock' else wait.kind}"
