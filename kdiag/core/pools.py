"""Thread pools, recognised by their workers' frames, and what each worker is doing.

A worker is known by the library function that runs its tasks; what lies inside of that function on the stack is the
task. A worker that waits for work is idle, never busy. Separate from the detector because deadlock, thread-leak and
others must also know an idle worker when they see one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from kdiag.core.frames import library_function
from kdiag.core.model import ProbedPool
from kdiag.core.threads import Track, Waiting, waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from kdiag.core.model import Frame, Window

ANYIO_LIMIT = 40  # anyio's default limiter: to_thread.current_default_thread_limiter().total_tokens


class Kind(Enum):
    """Whose pool it is; the value is how it is called in a sentence."""

    FUTURES = "ThreadPoolExecutor"
    ASYNCIO = "asyncio's default executor"
    ANYIO = "anyio's thread pool"
    MULTIPROCESSING = "multiprocessing's ThreadPool"
    GTHREAD = "gunicorn's gthread pool"
    CELERY = "Celery's thread pool"
    WAITRESS = "waitress's thread pool"
    DRAMATIQ = "dramatiq's thread pool"
    OTHER = "a pool that a probe's adapter knows"


# Pools whose tasks are requests: a task that waits in queue.get there waits for a resource, it consumes no work.
SERVERS = frozenset({Kind.ANYIO, Kind.GTHREAD, Kind.WAITRESS})

_LOOPS = {
    ("concurrent/futures/thread.py", "_worker"): Kind.FUTURES,
    ("multiprocessing/pool.py", "worker"): Kind.MULTIPROCESSING,
    ("anyio/_backends/_asyncio.py", "run"): Kind.ANYIO,
    ("waitress/task.py", "handler_thread"): Kind.WAITRESS,
    ("dramatiq/worker.py", "run"): Kind.DRAMATIQ,
}
# The threads that fetch messages for dramatiq's workers have a loop of the same name.
_DRAMATIQ_WORKS = {("dramatiq/worker.py", "process_message"), ("queue.py", "get")}
# Whose tasks a ThreadPoolExecutor runs, by a file that stands in their stacks.
_OWNERS = {"gunicorn/workers/gthread.py": Kind.GTHREAD, "celery/concurrency/base.py": Kind.CELERY}
_BOOTSTRAP = {"_bootstrap", "_bootstrap_inner", "run"}
_NUMBERED = re.compile(r"^(.+?)[_-]\d+$")
_THREADS_OPTION = re.compile(r"^--threads=(\d+)$")


class Doing(Enum):
    """What a worker does at one moment."""

    IDLE = auto()  # waits for work in the pool's own queue
    CONSUMER = auto()  # a task that itself waits for work: queue.get, accept, a selector
    FUTURE = auto()  # a task that waits for another task's result
    TASK = auto()


@dataclass(frozen=True, slots=True)
class Pool:
    """The workers of one pool.

    Attributes:
        size: how many workers it can have where that is known for sure, else None.
        inside: what a probe saw of it, and when; empty where none was inside.
    """

    kind: Kind
    name: str
    size: int | None
    workers: tuple[Track, ...]
    inside: tuple[tuple[float, ProbedPool], ...] = ()

    def called(self) -> str:
        """How a sentence calls it: "pool 'orders'" or "waitress's thread pool"."""
        if self.kind is Kind.OTHER and self.inside:
            return f"{self.inside[-1][1].kind}'s pool" + (f" '{self.name}'" if self.name else "")
        return f"pool '{self.name}'" if self.kind is Kind.FUTURES else self.kind.value

    def doing(self, worker: Track) -> Doing:
        """What one of its workers does; where only a probe knows that it is one, by its word."""
        task = task_of(worker.frames)
        if task is not None:
            return doing(*task)
        return Doing.IDLE if self.inside and worker.ident in self.inside[-1][1].idle else Doing.TASK


def task_of(frames: Sequence[Frame]) -> tuple[Kind, tuple[Frame, ...]] | None:
    """The pool's kind and the frames of the worker's task, innermost first; None when it is no worker of a pool.

    A worker is a thread of its own: nothing but the threading module's start lies outside of its loop. (anyio's `run`
    is also what starts a loop in the main thread, and a process pool's worker is a main thread, too.)
    """
    for depth, frame in enumerate(frames):
        kind = _LOOPS.get(library_function(frame))
        if kind and all(_starts_threads(outer) for outer in frames[depth + 1 :]) and len(frames) > depth + 1:
            fetches = kind is Kind.DRAMATIQ and not (depth and library_function(frames[depth - 1]) in _DRAMATIQ_WORKS)
            return None if fetches else (kind, tuple(frames[:depth]))
    return None


def doing(kind: Kind, task: Sequence[Frame]) -> Doing:
    """What a worker with this task on its stack does."""
    waits, depth = waiting(task)
    if depth == len(task) and waits in {Waiting.NOTHING_KNOWN, Waiting.CONDITION, Waiting.QUEUE, Waiting.LOCK}:
        return Doing.IDLE
    if waits is Waiting.FUTURE:
        return Doing.FUTURE
    if kind not in SERVERS and waits in {Waiting.QUEUE, Waiting.ACCEPT, Waiting.SELECT}:
        return Doing.CONSUMER
    return Doing.TASK


def pools(window: Window, tracks: Sequence[Track]) -> tuple[Pool, ...]:
    """All pools with workers that are alive at the end of the window."""
    found: dict[tuple[Kind, str], list[Track]] = defaultdict(list)
    for track in tracks:
        worker = task_of(track.frames) if track.alive else None
        if worker:
            kind, prefix = worker[0], _prefix(track.name)
            found[(kind, prefix) if kind is Kind.FUTURES else (kind, "")].append(track)
    known = tuple(_pool(window, kind, name, workers) for (kind, name), workers in found.items())
    return known + _others(window, tracks, {worker.ident for pool in known for worker in pool.workers})


def _others(window: Window, tracks: Iterable[Track], known: Collection[int]) -> tuple[Pool, ...]:
    """Pools whose workers only the adapters of a probe recognise."""
    alive = {track.ident: track for track in tracks if track.alive}
    found = []
    for pool in window.probe[-1].pools if window.probe else ():
        workers = tuple(alive[ident] for ident in pool.workers if ident in alive)
        if workers and not any(ident in known for ident in pool.workers):
            inside = _inside(window, {worker.ident for worker in workers})
            found.append(Pool(Kind.OTHER, pool.name, pool.size, workers, inside))
    return tuple(found)


def worker_prefix(frames: Sequence[Frame], name: str) -> str | None:
    """What all workers of this thread's pool have in common; None when the thread is no worker."""
    worker = task_of(frames)
    if worker is None:
        return None
    return f"{worker[0].name} {_prefix(name)}" if worker[0] is Kind.FUTURES else worker[0].name


def _pool(window: Window, kind: Kind, name: str, workers: list[Track]) -> Pool:
    if kind is Kind.FUTURES and name == "asyncio":
        kind = Kind.ASYNCIO
    elif kind is Kind.FUTURES:
        kind = next(filter(None, map(_owner, workers)), kind)
    inside = _inside(window, {worker.ident for worker in workers})
    size = next((seen.size for _, seen in reversed(inside) if seen.size), None) or _size(window, kind, len(workers))
    return Pool(kind, name or kind.value, size, tuple(workers), inside)


def _inside(window: Window, idents: set[int]) -> tuple[tuple[float, ProbedPool], ...]:
    """What a probe saw of the pool of these workers."""
    return tuple(
        (sample.at, pool) for sample in window.probe for pool in sample.pools if not idents.isdisjoint(pool.workers)
    )


def _size(window: Window, kind: Kind, workers: int) -> int | None:
    """How many workers the pool can have: waitress starts all at once, anyio and gunicorn say it."""
    if kind is Kind.WAITRESS:
        return workers
    if kind is Kind.ANYIO:
        return ANYIO_LIMIT if workers >= ANYIO_LIMIT else None
    if kind is Kind.GTHREAD:
        command = window.target.command
        for word, following in zip(command, (*command[1:], ""), strict=False):
            option = _THREADS_OPTION.match(word)
            if option or (word == "--threads" and following.isdecimal()):
                return int(option[1] if option else following)
    return None


def _owner(worker: Track) -> Kind | None:
    frames = (frame for look in worker.looks for frame in look.thread.frames)
    return next((_OWNERS[file] for file, _ in map(library_function, frames) if file in _OWNERS), None)


def _starts_threads(frame: Frame) -> bool:
    path, name = library_function(frame)
    return path == "threading.py" and name in _BOOTSTRAP


def _prefix(name: str) -> str:
    """The pool's part of a worker's name: "orders" of "orders_3"."""
    numbered = _NUMBERED.match(name)
    return numbered[1] if numbered else name
