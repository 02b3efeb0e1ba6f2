"""Pools that stand still and whose workers are no threads: those that lend connections, and those of processes.

Something waits for such a pool, and nothing comes back to it. A probe tells who waits, who has what is lent, and what
is out; from outside a thread shows that stands in a library's wait for a connection.

Separate from `pools`, whose workers show what they do, and from the detector, which puts it into words.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.frames import library_function
from kdiag.core.model import ProbedPool, Window
from kdiag.core.threads import Track, stillness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LONG_S = 5.0
_COMPUTES_S = 0.1  # a process that waits uses nothing, but for the few ticks of a look around
LOOKS = 3  # a probe is asked every 2.5 s at least

_WAITS = {
    ("sqlalchemy/util/queue.py", "get"): "sqlalchemy",
    ("psycopg_pool/pool.py", "_getconn_unchecked"): "psycopg",
    ("urllib3/connectionpool.py", "_get_conn"): "urllib3",
    ("httpcore/_sync/connection_pool.py", "wait_for_connection"): "httpcore",
}
_CALLED = {
    "sqlalchemy": "SQLAlchemy's pool",
    "urllib3": "urllib3's pool",
    "httpcore": "httpx's pool",
    "aiohttp": "aiohttp's pool",
    "psycopg": "psycopg's pool",
    "concurrent.futures.process": "ProcessPoolExecutor",
    "multiprocessing.pool": "multiprocessing's Pool",
    "celery": "Celery's pool",
    "uvicorn": "uvicorn's server",
}
_REFUSES = frozenset({"uvicorn"})  # whoever else asks is not made to wait, but sent away


@dataclass(frozen=True, slots=True)
class Jam:
    """A pool that something waits for, and that nothing came back to for a while.

    Attributes:
        pool: as a probe saw it last; None where none was inside.
        since: from when on nothing moved, as far as was seen.
        looks: how often it was looked at since.
        waiting: the threads that wait for it.
        holding: the threads that have what it lends.
        queued: how many waited all the time, at least; how many were refused, where it `refuses`.
    """

    kind: str
    pool: ProbedPool | None
    since: float
    until: float
    looks: int
    waiting: tuple[Track, ...]
    holding: tuple[Track, ...]
    queued: int

    @property
    def span_s(self) -> float:
        """For how long it stood still: a lower bound."""
        return self.until - self.since

    @property
    def size(self) -> int | None:
        """How many it has to lend, or workers; None where that is not known."""
        return self.pool.size if self.pool else None

    @property
    def refuses(self) -> bool:
        """Whether nobody can wait for it."""
        return self.kind in _REFUSES

    @property
    def nested(self) -> bool:
        """Whether each thread that waits for one more of what it lends has one already."""
        return self.pool is not None and bool(self.pool.nested) and set(self.pool.waiting) == set(self.pool.nested)

    def called(self) -> str:
        """How a sentence calls it."""
        called = _CALLED.get(self.kind, f"{self.kind}'s pool")
        return f"{called} '{self.pool.name}'" if self.pool is not None and self.pool.name else called


def jams(window: Window, tracks: Sequence[Track]) -> tuple[Jam, ...]:
    """All of them."""
    alive = {track.ident: track for track in tracks if track.alive}
    return tuple(_from_inside(window, alive) if window.probe else _from_outside(alive.values()))


def _from_inside(window: Window, alive: Mapping[int, Track]) -> Iterator[Jam]:
    known: dict[int, list[tuple[float, ProbedPool]]] = defaultdict(list)
    for sample in window.probe:
        for pool in sample.pools:
            if not pool.workers:
                known[pool.id].append((sample.at, pool))
    until = window.probe[-1].at
    for seen in known.values():
        still = _standing(seen)
        pool, since = seen[-1][1], still[0][0] if still else until
        if seen[-1][0] < until or not still or not _tells(pool):  # it is gone, or nothing waits
            continue
        waiting, holding = (_of(alive, idents) for idents in (pool.waiting, pool.holding))
        since = max(since, *_rests(pool, waiting, holding, until))
        if not pool.lends and not _children_rest(window, since):
            continue
        looks = sum(at >= since for at, _ in still)
        if until - since >= LONG_S and looks >= LOOKS:
            queued = min(each.queued or 0 for at, each in still if at >= since)
            if pool.kind in _REFUSES:  # what it has answered without a free slot
                queued = pool.done - still[0][1].done
            if queued:
                yield Jam(pool.kind, pool, since, until, looks, waiting, holding, queued)


def _tells(pool: ProbedPool) -> bool:
    """Whether it could be told if anything came back: by threads that move, by numbers of loans, or by what is done.

    Where tasks wait, who is first in the line tells nothing: one that asks again at once may be served before it.
    """
    return not pool.lends or bool(pool.waiting or pool.out or pool.counted)


def _standing(seen: Sequence[tuple[float, ProbedPool]]) -> Sequence[tuple[float, ProbedPool]]:
    """The looks at the end in which the pool was as it is now, and something waited, or was refused."""
    last = seen[-1][1]
    lent, start = set(last.out), len(seen)
    while start:
        pool = seen[start - 1][1]
        lent.intersection_update(pool.out)
        if pool.kind in _REFUSES:
            stands = pool.size is not None and len(lent) >= pool.size
        else:
            stands = _mark(pool) == _mark(last) and bool(pool.queued)
        if not stands:
            break
        start -= 1
    return seen[start:]


def _mark(pool: ProbedPool) -> tuple[object, ...]:
    """What changes when anything comes back to the pool."""
    first = 0 if pool.lends else pool.first  # who gives up waiting, or asks again, brings nothing back
    return pool.taken, first, frozenset(pool.out), pool.done, frozenset(pool.holding)


def _rests(pool: ProbedPool, waiting: Sequence[Track], holding: Sequence[Track], until: float) -> Iterator[float]:
    """Where no number tells that all stood still: since when a thread waits, and no thread moved that has something."""
    yield 0.0
    if pool.out or pool.counted:
        return
    if waiting:
        yield min(_since(track, until) for track in waiting)
    yield from (_since(track, until) for track in holding)


def _children_rest(window: Window, since: float) -> bool:
    """Whether the processes that this one has started were seen not to compute since then: a long task is no jam."""
    used: dict[int, list[float]] = defaultdict(list)
    for sample in window.process:
        for child in sample.children if sample.at >= since else ():
            used[child.pid].append(child.cpu_s if child.cpu_s is not None else 0.0)
    return bool(used) and all(times[-1] - times[0] < _COMPUTES_S for times in used.values())


def _since(track: Track, until: float) -> float:
    still = stillness(track)
    return still.since if still else until


def _of(alive: Mapping[int, Track], idents: Sequence[int]) -> tuple[Track, ...]:
    return tuple(alive[ident] for ident in idents if ident in alive)


def _from_outside(tracks: Iterable[Track]) -> Iterator[Jam]:
    """By the threads that stand in a library's wait for a connection."""
    found: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        kind = next((_WAITS[name] for name in map(library_function, track.frames) if name in _WAITS), None)
        still = stillness(track) if kind else None
        if kind and still and still.span_s >= LONG_S:
            found[kind].append(track)
    for kind, waiting in found.items():
        stills = [still for still in map(stillness, waiting) if still]
        longest = min(stills, key=lambda still: still.since)
        yield Jam(kind, None, longest.since, longest.until, longest.looks, tuple(waiting), (), len(waiting))
