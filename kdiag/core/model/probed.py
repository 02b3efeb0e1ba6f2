"""What was seen from inside the target, by the probe's sensors.

Separate from the other samples because it is exact where they estimate, and absent where the probe could not get in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kdiag.core.model.crashes import CrashAccount
from kdiag.core.model.heap import Allocations, Keepers
from kdiag.core.model.maps import MapAccount
from kdiag.core.model.samples import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator

WaitKind = Literal[
    "lock", "rlock", "condition", "event", "semaphore", "barrier", "queue", "future", "thread", "task", "tasks", "sleep"
]


TaskState = Literal["waiting", "ready", "running"]

Orphan = Literal["unheld", "endless", "orphan"]
"""What is proven of a task by counting references: nobody holds it, only a cancellation ends its wait, or both."""


@dataclass(frozen=True, slots=True)
class Allocator:
    """A place whose allocations started collections, or that asked for them.

    Attributes:
        frames: innermost first, a few of them.
        asked: how many of the collections were asked for by hand, at least.
    """

    frames: tuple[Frame, ...]
    ident: int
    thread: str
    collections: int
    seconds: float
    asked: int


@dataclass(frozen=True, slots=True)
class CollectorAccount:
    """What the collector did since the account before. Tuples have one number for each generation.

    Attributes:
        span_s: seconds that the account covers.
        seconds: spent in collections that ended in it.
        longest_s: the longest of them; below 10 ms rounded down to a power of two nanoseconds.
        timed: how many collections `seconds` is the sum of: all as a rule, fewer when too many came at once.
        frozen: objects that `gc.freeze` has put out of the collector's sight.
        young: about how many objects collections of the youngest generation looked at, and how many they freed; with
            many collections those of some.
        pauses: (n, how many of the timed ones took 2^(n-1) to 2^n nanoseconds).
    """

    span_s: float
    seconds: tuple[float, ...]
    collections: tuple[int, ...]
    collected: tuple[int, ...]
    uncollectable: tuple[int, ...]
    longest_s: float
    asked: int
    timed: int
    thresholds: tuple[int, ...]
    enabled: bool
    frozen: int
    allocators: tuple[Allocator, ...]
    young: tuple[int, int] = (0, 0)
    pauses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection. `thread` and `frames` are empty where too many came to look at each.

    Attributes:
        at: when it ended.
        asked: it was asked for by hand, for certain.
    """

    at: float
    seconds: float
    generation: int
    collected: int
    uncollectable: int
    thread: str
    frames: tuple[Frame, ...]
    asked: bool


@dataclass(frozen=True, slots=True)
class ProbedWait:
    """What a thread waits for, by the object itself.

    Attributes:
        lock: identity of the object, the same in all threads and looks.
        name: "module.NAME", "Class.attr" or a local variable's; "" where it is not known.
        owner: ident of the thread that alone can end the wait: it holds the lock, is joined, or brings the result; 0
            where it is not known.
        held_at: where the owner took the lock.
        depth: index of the frame that waits, behind the library's own.
        sure: the owner is known by the object's own word or by a `with`; otherwise by a call of `acquire`, whose lock
            may have been released meanwhile where nobody saw it.
        tasks: tasks of which each one has to end before the wait does.
        workers: idents of the threads of which each one could end the wait, and nobody else.
        holders: idents of threads that hold a semaphore, perhaps among others.
        limited: it ends by itself when a time is over, or may do so: `acquire` was called with arguments.
    """

    kind: WaitKind
    lock: int
    name: str
    owner: int
    held_at: Frame | None
    depth: int
    sure: bool = True
    tasks: tuple[int, ...] = ()
    workers: tuple[int, ...] = ()
    holders: tuple[int, ...] = ()
    limited: bool = False


@dataclass(frozen=True, slots=True)
class ProbedThread:
    """One Python thread; `native_id` is its kernel thread id in our PID namespace, 0 when unknown."""

    ident: int
    native_id: int
    name: str
    daemon: bool
    frames: tuple[Frame, ...]
    wait: ProbedWait | None = None


@dataclass(frozen=True, slots=True)
class ProbedTask:
    """One task of asyncio's.

    Attributes:
        task: its identity, the same in all looks.
        thread: ident of the thread that runs its loop; 0 where none does.
        frames: of its coroutines, innermost first.
        wait: what it awaits; None where it waits for nothing.
        state: whether it waits, is about to run, or runs.
        orphan: what is proven of who holds it, and who can end its wait; None where nobody looked, or all is well.
    """

    task: int
    name: str
    thread: int
    frames: tuple[Frame, ...]
    wait: ProbedWait | None = None
    state: TaskState = "waiting"
    orphan: Orphan | None = None


@dataclass(frozen=True, slots=True)
class Leak:
    """Where things are kept that a pool has lent.

    Attributes:
        count: how many of them.
        name: "module.NAME" or "Class.attr".
        filled_at: the one line that puts things there; None where it is none, or not only one.
    """

    count: int
    name: str
    filled_at: Frame | None


@dataclass(frozen=True, slots=True)
class ThreadStart:
    """A place that starts threads, innermost first, and how many it started since it was looked at first."""

    frames: tuple[Frame, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ProbedPool:
    """A pool of workers, or one that lends connections.

    Attributes:
        kind: the library whose pool it is.
        size: how many workers it can have, or how many it can lend; None where that is not known.
        queued: how much waits for a worker, or for what it lends; None where that is not known.
        workers, idle: idents of its threads, and of those that wait for work.
        nested: idents of those that wait for the result of a task that stands in this pool's own queue, or that wait
            for one more of what it lends while they have one.
        id: identity of the pool, the same in all looks.
        lends: what it lends ("connection"); "" of a pool of workers.
        taken: how many are lent, or how many workers in other processes are busy; None where threads tell.
        first: stays the same while nothing that waits is served; 0 where nothing waits.
        waited_s: for how long the thread that waits longest has done so; None where no thread's frame tells.
        done: tasks done so far; of threads at least so many since the probe looks, and then not `counted`.
        waiting, holding: idents of threads that wait for what it lends, and of those that have it.
        out: a number for each loan, none used twice; empty where loans cannot be told from each other.
        runs: where the functions are defined that its workers in other processes run.
        leaks: what keeps that of it which no thread has; None where nobody looked.
        tasks: of asyncio's tasks what they do with it ("waits", "holds"), how many, and at which frames.
        searched: whether all that the service's modules lead to was looked through for them.
    """

    kind: str
    name: str
    size: int | None
    queued: int | None
    workers: tuple[int, ...]
    idle: tuple[int, ...]
    nested: tuple[int, ...]
    id: int = 0
    lends: str = ""
    taken: int | None = None
    first: int = 0
    waited_s: float | None = None
    done: int = 0
    counted: bool = False
    waiting: tuple[int, ...] = ()
    holding: tuple[int, ...] = ()
    out: tuple[int, ...] = ()
    runs: tuple[Frame, ...] = ()
    leaks: tuple[Leak, ...] | None = None
    tasks: tuple[tuple[str, int, tuple[Frame, ...]], ...] = ()
    searched: bool = False


@dataclass(frozen=True, slots=True)
class WaitsSample:
    """Who waited for whom at one moment, without anything else that a probe sees.

    Attributes:
        tasks_seen: all tasks that were looked at, or only those that wait for somebody or are waited for.
        tasks: how many tasks there are in all; None where nobody asked.
    """

    at: float
    threads: tuple[ProbedThread, ...]
    tasks_seen: tuple[ProbedTask, ...] = ()
    tasks: int | None = None

    def parties(self) -> Iterator[ProbedThread | ProbedTask]:
        """All threads, and the tasks that were seen."""
        yield from self.threads
        yield from self.tasks_seen


@dataclass(frozen=True, slots=True)
class ProbedLoop:
    """One asyncio loop now. `waiting_s` is how long a callback has been outstanding in it, and `frames` why."""

    loop: int
    ident: int
    thread: str
    ready: int
    scheduled: int
    waiting_s: float
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class LoopDelay:
    """How long one callback had to wait in a loop until `at`, and what the loop's thread was in meanwhile, if seen.

    `frames` are the thread's; of a loop that turns in C those of the callback alone.
    """

    loop: int
    at: float
    seconds: float
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class ProbeSample:
    """What the probe's sensors told at one moment.

    Attributes:
        tasks: how many there are; None where asyncio does not count them cheaply.
        tasks_seen: those that wait for somebody, or hold what others wait for.
        switch_interval_s: after how long a thread that computes must give the GIL to one that wants it.
    """

    at: float
    collector: CollectorAccount
    threads: tuple[ProbedThread, ...]
    loops: tuple[ProbedLoop, ...]
    delays: tuple[LoopDelay, ...]
    blocks: int
    tasks: int | None = None
    crashes: CrashAccount = field(default_factory=CrashAccount)
    maps: MapAccount = field(default_factory=MapAccount)
    pools: tuple[ProbedPool, ...] = ()
    tasks_seen: tuple[ProbedTask, ...] = ()
    keepers: Keepers | None = None  # looked for only while memory grows
    starts: tuple[ThreadStart, ...] = ()  # looked for only while threads become more, and on 3.12 and later
    switch_interval_s: float = 0.005
    allocations: Allocations | None = None  # traced only where somebody asked for it

    def parties(self) -> Iterator[ProbedThread | ProbedTask]:
        """All threads, and the tasks that were seen."""
        yield from self.threads
        yield from self.tasks_seen

    def frames(self) -> Iterator[Frame]:
        """All frames in it."""
        for allocator in self.collector.allocators:
            yield from allocator.frames
        for who in self.parties():
            yield from who.frames
            if who.wait and who.wait.held_at:
                yield who.wait.held_at
        for loop in self.loops:
            yield from loop.frames
        for delay in self.delays:
            yield from delay.frames
        for crash in self.crashes.groups:
            yield from (frame.frame for frame in crash.frames)
        for side in (side for conflict in self.maps.conflicts for side in conflict.sides):
            yield from side.frames
        yield from (frame for start in self.starts for frame in start.frames)
        yield from (frame for each in (self.allocations.created if self.allocations else ()) for frame in each.frames)
        for pool in self.pools:
            yield from pool.runs
            yield from (frame for _, _, frames in pool.tasks for frame in frames)
            yield from (leak.filled_at for leak in pool.leaks or () if leak.filled_at)
