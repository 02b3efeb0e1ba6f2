"""Pools of worker threads: how large, who idles, how much waits in their queues, and who waits for himself.

No heap is searched: a worker's own frames hold its pool. Objects of the service are only looked at, by the
interpreter's own descriptors; what stands in a queue written in C is what the collector knows that it refers to.

Separate from `threads`, whose look at all stacks it shares.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from .calls import local, read_locals
from .places import instance_dict, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .frames import Stack
    from .waits import Wait

_MOST_SEARCHED = 20_000  # items of a queue that is searched for what its workers wait for
_POOLS = 64
_FUTURES = "concurrent.futures"
_THREADS_OF = "threading"


class _Found(NamedTuple):
    """The pool of one worker.

    Attributes:
        key: what all its workers share: its id.
        size: how many workers it can have; 0 where that is not known.
        queued: how much waits for a worker; None where that cannot be told.
        items: what stands in its queue.
        idle: whether this worker waits for work.
        item: the work that it does, where that can end a wait.
    """

    kind: str
    key: int
    name: str
    size: int
    queued: int | None
    items: Callable[[], list[Any]]
    idle: bool
    item: object = None


class Pool(NamedTuple):
    """A pool with the idents of its workers, of those that idle, and what the others work on."""

    found: _Found
    workers: list[int]
    idle: list[int]
    items: dict[int, object]


def find_pools(looked: dict[int, Stack]) -> list[Pool]:
    """The pools that have workers among these threads."""
    pools: dict[tuple[str, int], Pool] = {}
    for ident, stack in looked.items():
        found = _pool_of(stack)
        if found is None or (len(pools) >= _POOLS and (found.kind, found.key) not in pools):
            continue
        pool = pools.setdefault((found.kind, found.key), Pool(found, [], [], {}))
        pool.workers.append(ident)
        if found.idle:
            pool.idle.append(ident)
        elif found.item is not None:
            pool.items[ident] = found.item
    return list(pools.values())


def describe(pools: list[Pool], waits: dict[int, Wait]) -> list[dict[str, Any]]:
    """The pools, fit for JSON.

    `nested` are the workers that wait for the result of a task that stands in their own pool's queue.
    """
    return [
        {
            "kind": found.kind, "name": found.name, "size": found.size or None, "queued": found.queued,
            "workers": workers, "idle": idle, "nested": _nested(found, workers, waits),
        }
        for found, workers, idle, _ in pools
    ]  # fmt: skip


def workers_for(pools: list[Pool], futures: set[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """By id of each of these futures, the worker that brings its result; of those in a queue, all of their pool.

    A pool that can still start another worker is left out.
    """
    running: dict[int, int] = {}
    queued: dict[int, list[int]] = {}
    for found, workers, _, items in pools if futures else ():
        for ident, item in items.items():
            running[id(instance_dict(item).get("future"))] = ident
        if found.kind == _FUTURES and found.queued and len(workers) >= found.size > 0:
            queued.update((id(future), workers) for future in found.items() if id(future) in futures)
    return {future: ident for future, ident in running.items() if future in futures}, queued


def _pool_of(stack: Stack) -> _Found | None:
    """The pool of a thread; its worker's loop stands right above what `threading` starts threads with."""
    for depth in range(len(stack) - 1, -1, -1):
        frame = stack[depth]
        look = _LOOPS.get(frame.f_code.co_name)
        if look is not None and _is_of(frame, look[0]):
            return look[1](frame, stack[:depth])
        if not _is_of(frame, _THREADS_OF):
            return None
    return None


def _is_of(frame: FrameType, module: str) -> bool:
    return module in sys.modules and frame.f_globals is vars(sys.modules[module])


def _is_simple_queue(value: object) -> bool:
    """Whether it is one that is written in C: its length can be asked for."""
    return type(value) is getattr(sys.modules.get("_queue"), "SimpleQueue", None)


def _of_futures(frame: FrameType, inner: Stack) -> _Found | None:
    reference, tasks, item = read_locals(frame, ("executor_reference", "work_queue", "work_item"))
    if not _is_simple_queue(tasks):
        return None
    executor: object = reference() if type(reference) is weakref.ref else None
    own = instance_dict(executor) if executor is not None else {}  # it may be gone already
    return _Found(
        _FUTURES, id(tasks), text(own.get("_thread_name_prefix")), _number(own.get("_max_workers")),
        tasks.qsize(), lambda: [instance_dict(item).get("future") for item in _items(tasks)], not inner, item,
    )  # fmt: skip


def _of_multiprocessing(frame: FrameType, inner: Stack) -> _Found | None:
    tasks = local(frame, "inqueue")
    if not _is_simple_queue(tasks):  # of a pool of processes
        return None
    return _Found("multiprocessing.pool", id(tasks), "", 0, tasks.qsize(), list, not inner)


def _of_waitress(frame: FrameType, inner: Stack) -> _Found | None:
    own = instance_dict(local(frame, "self"))
    tasks, threads = own.get("queue"), own.get("threads")
    if type(tasks) is not deque or type(threads) is not set:
        return None
    idle = all(_is_of(each, _THREADS_OF) for each in inner)  # a task has frames of waitress's own
    return _Found("waitress", id(tasks), "", len(threads), len(tasks), list, idle)


def _of_anyio(frame: FrameType, inner: Stack) -> _Found | None:
    own = instance_dict(local(frame, "self"))
    idle = bool(inner) and _is_of(inner[-1], "queue") and local(inner[-1], "self") is own.get("queue")
    limiter = _limiter_of(own.get("loop"))
    slots = type(limiter).__dict__ if limiter is not None else {}
    borrowers, waiting = (_slot(slots, limiter, name) for name in ("_borrowers", "_wait_queue"))
    if type(borrowers) is not set or type(waiting) is not OrderedDict:
        return _Found("anyio", id(own.get("workers")), "", 0, None, list, idle)
    size = _slot(slots, limiter, "_total_tokens")
    return _Found("anyio", id(own.get("workers")), "", _number(size), len(waiting), list, idle)


def _limiter_of(loop: object) -> object | None:
    """The limiter that a loop's threads are taken by, where none else was asked for; None before the first."""
    data = instance_dict(getattr(sys.modules.get("anyio.lowlevel"), "_run_vars", None)).get("data")
    for reference, variables in list(data.items()) if type(data) is dict else ():
        if reference() is loop and type(variables) is dict:
            for variable, value in list(variables.items()):
                if _slot(type(variable).__dict__, variable, "_name") == "_default_thread_limiter":
                    return value  # type: ignore[no-any-return]
    return None


def _slot(names: Any, value: object, name: str) -> Any:
    """What a slot holds, by the interpreter's own descriptor."""
    descriptor = names.get(name)
    if type(descriptor) is not type(_Slotted.__dict__["slot"]):
        return None
    try:
        return descriptor.__get__(value)
    except AttributeError:  # it is empty
        return None


class _Slotted:
    __slots__ = ("slot",)


def _items(tasks: Any) -> list[Any]:
    """What stands in a queue: up to 3.12 it refers to one list, whose first places may be free already."""
    found = gc.get_referents(tasks)
    if sys.version_info < (3, 13):
        found = next((each for each in found if type(each) is list), [])
    return [item for item in found[:_MOST_SEARCHED] if item is not None]


def _nested(pool: _Found, workers: list[int], waits: dict[int, Wait]) -> list[int]:
    awaited = {ident: waits[ident].value for ident in workers if ident in waits and waits[ident].kind == "future"}
    if not awaited:
        return []
    queued = set(map(id, pool.items()))
    return [ident for ident, future in awaited.items() if id(future) in queued]


def _number(value: object) -> int:
    return value if type(value) is int else 0


# By the function that runs a worker: its module, and who knows the pool.
_LOOPS: dict[str, tuple[str, Callable[[FrameType, Stack], _Found | None]]] = {
    "_worker": ("concurrent.futures.thread", _of_futures),
    "worker": ("multiprocessing.pool", _of_multiprocessing),
    "handler_thread": ("waitress.task", _of_waitress),
    "run": ("anyio._backends._asyncio", _of_anyio),
}
