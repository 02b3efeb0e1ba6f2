"""pool-exhaustion: all that a pool has is taken, nothing of it moves, and somebody waits.

Of a pool of threads the queue cannot be seen from outside. What can be seen is that no worker is left, that none of
them ran at all, and sometimes that work waits: connections that nobody accepts or reads, or threads that wait for the
pool's results. A probe sees the queue, and whether what a worker waits for stands in it. Pools of connections and of
processes are `core.jams`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core import jam_words
from kdiag.core.frames import Ownership, at
from kdiag.core.jams import Jam, jams
from kdiag.core.loops import idles, loop_tracks
from kdiag.core.model import Evidence, Finding, Frame, NotEnoughEvidence, Place, Severity, Threshold, Window
from kdiag.core.pools import SERVERS, Doing, Kind, Pool, pools, task_of
from kdiag.core.series import score
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
    from collections.abc import Collection, Sequence

    from kdiag.core.model import ProbedPool

VERDICT = "pool-exhaustion"

STUCK = Threshold(
    "pool.stuck", "s", warning=5.0, critical=None, learnt_from=".NET: queue > 200; JMC; own preference for the time"
)
QUEUED = Threshold(
    "pool.waiting_per_worker",
    "ratio",
    warning=None,
    critical=2.0,
    learnt_from="own preference: twice the workers is more than the pool can take on next, twice over",
)
THRESHOLDS = (STUCK, QUEUED)

_STUCK_S = 5.0
_LOOKS = 8


@dataclass(frozen=True, slots=True)
class _Exhausted:
    """One pool without a free worker.

    Attributes:
        nested: its workers wait for other tasks; `proven` is how many of these stand in its own queue.
        queued: how much work demonstrably waited all the time.
    """

    pool: Pool
    still: Stillness
    whole: bool
    nested: bool
    proven: int
    queued: int

    @property
    def certain(self) -> bool:
        """Whether it is more than a suspicion: the pool is known to be full, or work was seen to wait for it."""
        if self.nested:
            return self.proven > 0
        return self.queued > 0 or self.pool.size == len(self.pool.workers)

    @property
    def critical(self) -> bool:
        return self.nested or self.queued >= 2 * len(self.pool.workers)


#  workers that are free          exhausted     ▅▃▁▁▁▁▁▁▁▁▁▁▁▁   no worker is free, and the same tasks sit there
#                                 draining      ▅▁▁▁▁▁▂▄▅▅▁▁▁▂   no worker is free, but each runs again and again
#                                 idle          ▅▅▅▅▅▅▅▅▅▅▅▅▅▅   all wait in the pool's own queue
def detect(window: Window) -> Finding | NotEnoughEvidence | None:
    """The worst pool whose workers all sit in tasks that did not move for five seconds."""
    if not window.stacks:
        return too_few_stacks(window, VERDICT, _LOOKS, _STUCK_S)
    everybody = tracks(window)
    exhausted: list[_Exhausted | Jam] = []
    open_question = None
    for pool in pools(window, everybody):
        found = _judge(window, pool, everybody)
        if isinstance(found, _Exhausted):
            exhausted.append(found)
        elif found is not None:
            open_question = found
    stuck = {worker.ident for each in exhausted if isinstance(each, _Exhausted) for worker in each.pool.workers}
    exhausted += jams(window, everybody)
    if not exhausted:
        return open_question
    worst = max(exhausted, key=lambda each: _rank(each, stuck))
    also = tuple(_also(window, each) for each in exhausted if each is not worst)
    return _of_jam(window, worst, also) if isinstance(worst, Jam) else _finding(window, worst, also)


def _rank(each: _Exhausted | Jam, stuck: Collection[int]) -> tuple[float, ...]:
    """The worst has the highest; what workers wait for is the cause of their pool's exhaustion."""
    if isinstance(each, Jam):
        cause = any(track.ident in stuck for track in each.waiting)
        if each.refuses:  # it stands before all others
            return -1, each.queued
        return cause, _is_critical(each), each.pool is not None, each.queued, each.size or 0
    return False, each.critical, each.certain, each.queued, len(each.pool.workers)


def _also(window: Window, other: _Exhausted | Jam) -> str:
    ownership = Ownership.of(window)
    if isinstance(other, Jam):
        return f"Also: {jam_words.title(other, ownership, whole=_whole(window, other))}."
    frame, _ = Counter(_blamed(worker, ownership) for worker in other.pool.workers).most_common(1)[0]
    return f"Also {other.pool.called()} is exhausted ({len(other.pool.workers)} workers, at {at(frame)})."


def _of_jam(window: Window, jam: Jam, also: Sequence[str]) -> Finding:
    ownership, span = Ownership.of(window), jam.span_s
    blame, points = jam_words.blamed(jam, ownership), score(span, STUCK)
    critical, source = _is_critical(jam), "probe.pools" if jam.pool is not None else stack_source(window)
    evidence = [Evidence(STUCK.metric, span, STUCK.unit, jam.looks, source, low=span, threshold=STUCK.warning)]
    waiting = ("pool.refused", "refused") if jam.refuses else ("pool.waiting", "waiting")
    evidence.append(Evidence(waiting[0], jam.queued, waiting[1], jam.looks, source))
    if kept := sum(each.count for each in jam.pool.leaks or ()) if jam.pool is not None else 0:
        evidence.append(Evidence("pool.kept", kept, "count", jam.looks, source))
    if jam.size:
        evidence.append(Evidence("pool.size", jam.size, "size", jam.looks, source))
    return Finding(
        VERDICT,
        "critical" if critical else "warning",
        max(points, 95) if critical else points,
        0.97 if jam.pool is not None else 0.75,
        jam_words.title(jam, ownership, whole=_whole(window, jam)),
        jam_words.summary(jam, also),
        ownership.place(blame.frame, blame.thread, what=jam.called()) if blame.frame is not None else None,
        tuple(evidence),
        jam_words.places(jam, ownership),
        suspected=jam.pool is None,
        threads=tuple(track.ident for track in (*jam.holding, *jam.waiting)),
    )


def _is_critical(jam: Jam) -> bool:
    return jam.nested or (jam.size is not None and jam.queued >= 2 * jam.size)


def _whole(window: Window, jam: Jam) -> bool:
    first = window.probe[0].at if jam.pool is not None else window.stacks[0].at
    return jam.since <= max(first, window.stacks[0].at)


def _judge(window: Window, pool: Pool, everybody: Sequence[Track]) -> _Exhausted | NotEnoughEvidence | None:
    """Whether the pool is exhausted; NotEnoughEvidence while it still might turn out to be."""
    kinds = [pool.doing(worker) for worker in pool.workers]
    if Doing.IDLE in kinds:
        return None
    stills = [stillness(worker) for worker in pool.workers]
    known = [still for still in stills if still]
    if len(known) < len(stills):
        if any(still and still.looks == 1 for still in stills):
            return None
        return NotEnoughEvidence(VERDICT, f"whether the workers of {pool.called()} move could not be read")
    since = max(still.since for still in known)
    still = Stillness(since, window.stacks[-1].at, min(still.looks for still in known))
    if still.span_s < _STUCK_S or still.looks < _LOOKS:
        # A pool that stood still all along may be stuck; one that moved meanwhile is at work.
        return too_few_stacks(window, VERDICT, _LOOKS, _STUCK_S)
    inside = [seen for at, seen in pool.inside if at >= since]
    waiting_work = _queued(window, pool, everybody, since, inside)
    proven = min((len(seen.nested) for seen in inside), default=0)
    nested = all(kind is Doing.FUTURE for kind in kinds) and (proven > 0 or not inside)
    known_empty = bool(inside) or Doing.CONSUMER in kinds or len(pool.workers) == 1 or not _may_wait(window, pool)
    if not nested and not waiting_work and known_empty:
        return None
    return _Exhausted(pool, still, since <= window.stacks[0].at, nested, proven, waiting_work)


def _may_wait(window: Window, pool: Pool) -> bool:
    """Whether work may be waiting that cannot be seen.

    Not in a pool that is known to have room for more workers, and not where the process has no more connections than
    workers: then every request has its worker. (Unix sockets are in no count, so zero says nothing.)
    """
    if pool.size is not None and len(pool.workers) < pool.size:
        return False
    if pool.kind not in SERVERS or pool.size is not None:
        return True
    established = max((sample.connections.get("ESTABLISHED", 0) for sample in window.process), default=0)
    return established == 0 or established > len(pool.workers)


def _queued(window: Window, pool: Pool, everybody: Sequence[Track], since: float, inside: Sequence[ProbedPool]) -> int:
    """How much work demonstrably waited all the time since then; what a probe saw in the queue comes first.

    For a server's pool: connections that nobody accepted or read. Otherwise threads outside of all pools that waited
    for a future without a move: as many of them as there are workers may wait for the running tasks, the others wait
    for queued ones.
    """
    seen = min((pool.queued for pool in inside if pool.queued is not None), default=0)
    if seen:
        return seen
    if pool.kind in SERVERS:
        return min((sample.backlog for sample in window.process if sample.at >= since), default=0)
    outside = 0
    for track in everybody:
        if track.alive and not task_of(track.frames) and waiting(track.frames)[0] is Waiting.FUTURE:
            still = stillness(track)
            outside += still is not None and still.span_s >= _STUCK_S
    return max(0, outside - len(pool.workers))


def _finding(window: Window, worst: _Exhausted, also: Sequence[str]) -> Finding:
    ownership, pool = Ownership.of(window), worst.pool
    blamed = Counter(_blamed(worker, ownership) for worker in pool.workers)
    frame, sitting = blamed.most_common(1)[0]
    example = next(worker for worker in pool.workers if _blamed(worker, ownership) == frame)
    severity: Severity = "critical" if worst.critical else "warning"
    count, span = len(pool.workers), worst.still.span_s
    points = score(span, STUCK)
    return Finding(
        VERDICT,
        severity,
        max(points, 95) if worst.critical else points,
        _confidence(worst),
        _title(worst, frame, sitting, span),
        _summary(window, worst, also),
        ownership.place(frame, example.name, what=pool.name),
        _evidence(window, worst),
        _places(pool, ownership, frame),
        suspected=not worst.certain,
        threads=tuple(worker.ident for worker in pool.workers[:count]),
    )


def _blamed(worker: Track, ownership: Ownership) -> Frame:
    """The culprit within the worker's task; the worker's own loop when the task is a C function."""
    task = task_of(worker.frames)
    return ownership.culprit(task[1] if task and task[1] else worker.frames) or worker.frames[0]


def _confidence(worst: _Exhausted) -> float:
    """Surer with work that was seen to wait, or with a size that is known."""
    if worst.certain:
        return 0.97 if worst.queued or worst.nested else 0.9
    return 0.85 if worst.nested else 0.75


def _seen_inside(worst: _Exhausted) -> bool:
    """Whether a probe saw the queue that the work stands in."""
    return any(seen.queued for _, seen in worst.pool.inside)


def _title(worst: _Exhausted, frame: Frame, sitting: int, span: float) -> str:
    pool, count = worst.pool, len(worst.pool.workers)
    who = f"All {count} workers of {pool.called()}" if count > 1 else f"The only worker of {pool.called()}"
    have = "have" if count > 1 else "has"
    where = f"at {at(frame)}" if sitting == count else f"in tasks, {sitting} of them at {at(frame)},"
    time = f"for the whole {span:.1f} s" if worst.whole else f"for the last {span:.1f} s"
    if worst.nested and worst.proven:
        return f"{who} {have} waited {where} {time} for tasks that stand in the pool's own queue: a nested wait"
    if worst.nested:
        return f"{who} {have} waited {where} for other tasks {time}: a nested wait on the pool itself is suspected"
    if worst.queued:
        return f"{who} {have} sat {where} {time} while {worst.queued} more {_work(worst)}"
    return f"{who} {have} sat {where} {time}" + ("" if worst.certain else ": exhaustion is suspected")


def _work(worst: _Exhausted) -> str:
    what = "connection" if worst.pool.kind in SERVERS else "caller"
    if _seen_inside(worst):
        return "task stands in its queue" if worst.queued == 1 else "tasks stand in its queue"
    return f"{what} waits" if worst.queued == 1 else f"{what}s wait"


def _summary(window: Window, worst: _Exhausted, also: Sequence[str]) -> str:
    pool = worst.pool
    said = ["No worker ran at all meanwhile, so whatever is queued behind them waits."]
    if worst.nested:
        said = ["Each worker waits for the result of a task that can only run on a free worker, and none is free."]
    if worst.nested and worst.proven:
        said.append(f"{worst.proven} of them were seen to wait for a future of a task in the queue of this very pool.")
    if pool.size is not None:
        said.append(f"The pool can have {pool.size} workers.")
    elif _seen_inside(worst):
        said.append("How many workers it can have is not known.")
    elif pool.kind is Kind.ANYIO:
        said.append("The limiter's size cannot be seen from outside (40 by default); no worker thread is idle.")
    else:
        said.append("Its size and its queue cannot be seen from outside.")
    loops = loop_tracks([track for track in tracks(window) if track.alive])
    if pool.kind in {Kind.ANYIO, Kind.ASYNCIO} and loops and all(idles(loop) for loop in loops):
        said.append("The event loop itself is idle.")
    return " ".join([*said, *also])


def _places(pool: Pool, ownership: Ownership, culprit: Frame) -> tuple[Place, ...]:
    """The other lines where workers sit, and where the library really waits for them."""
    places: dict[Place, None] = {}
    for worker in pool.workers:
        frame, task = _blamed(worker, ownership), task_of(worker.frames)
        if frame != culprit and len(places) < 5:
            places[ownership.place(frame, worker.name, "waits", pool.name)] = None
        elif frame == culprit and task and task[1] and task[1][0] != frame and not places:
            places[ownership.place(task[1][0], worker.name, "waits")] = None
    return tuple(places)


def _evidence(window: Window, worst: _Exhausted) -> tuple[Evidence, ...]:
    count, looks, source = len(worst.pool.workers), worst.still.looks, stack_source(window)
    span = round(worst.still.span_s, 3)
    evidence = [
        Evidence(STUCK.metric, span, STUCK.unit, looks, source, low=span, threshold=STUCK.warning),
        Evidence("pool.workers", count, "workers", looks, source),
    ]
    inside = len(worst.pool.inside)
    if worst.proven:
        evidence.append(Evidence("pool.nested", worst.proven, "workers", inside, "probe.pools"))
    if worst.queued:
        by = "process.psutil" if worst.pool.kind in SERVERS else source
        looks, by = (inside, "probe.pools") if _seen_inside(worst) else (looks, by)
        per_worker = worst.queued / count
        evidence.append(
            Evidence(QUEUED.metric, per_worker, QUEUED.unit, looks, by, low=per_worker, threshold=QUEUED.critical)
        )
    return tuple(evidence)
