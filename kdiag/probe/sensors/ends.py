"""Who can end each wait: the holder of a lock, the worker or the coroutine that brings a future's result.

Separate from `waits`, which knows one stack only: here all threads are looked at together.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from .futures import source_of, unstarted
from .holders import holders_of, owner_of
from .pools import workers_for
from .running_loops import running_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .frames import Stack
    from .pools import Pool
    from .waits import Wait

_MOST = 256


class End(NamedTuple):
    """Who can end a wait; nobody where that is not known.

    Attributes:
        owner: ident of the one thread that can.
        held_at: where it took the lock, fit for JSON.
        sure: it is known for certain.
        tasks: ids of the tasks of which each must come first.
        workers: idents of the threads of which each one can.
        holders: idents of threads that hold it among others that are not known.
    """

    owner: int = 0
    held_at: list[Any] | None = None
    sure: bool = True
    tasks: Sequence[int] = ()
    workers: Sequence[int] = ()
    holders: Sequence[int] = ()


UNKNOWN = End()


def ends_of(looked: dict[int, Stack], waits: Mapping[int, Wait], pools: list[Pool]) -> dict[int, End]:
    """By the waiting thread's ident, who can end its wait."""
    holders = holders_of(looked, waits)
    futures = {id(wait.value): wait.value for wait in waits.values() if wait.kind == "future"}
    of_futures = _ends_of_futures(futures, looked, pools)
    return {ident: of_futures.get(id(wait.value)) or _end_of_lock(wait, holders) for ident, wait in waits.items()}


def described_wait(wait: Wait, end: End) -> dict[str, Any]:
    """A wait and its end, fit for JSON; what is as it mostly is, is left out."""
    described: dict[str, Any] = {
        "kind": wait.kind, "id": id(wait.value), "name": wait.name, "depth": wait.depth,
        "owner": end.owner, "held_at": end.held_at,
    }  # fmt: skip
    if not end.sure:
        described["sure"] = False
    for name, several in (("tasks", end.tasks), ("workers", end.workers), ("holders", end.holders)):
        if several:
            described[name] = list(several)[:_MOST]
    return described


def _end_of_lock(wait: Wait, holders: Mapping[int, Any]) -> End:
    seen = holders.get(id(wait.value), [])
    held = owner_of(wait, seen)
    if held is None:
        return End(holders=list(dict.fromkeys(each.who for each in seen)))
    return End(held.who, held.at, held.sure)


def _ends_of_futures(futures: Mapping[int, object], looked: dict[int, Stack], pools: list[Pool]) -> dict[int, End]:
    """The work of a pool, or a coroutine of a loop: one that runs, or one that has not even started."""
    running, queued = workers_for(pools, set(futures))
    found = {future: End(worker) for future, worker in running.items()}
    found.update((future, End(workers=workers)) for future, workers in queued.items())
    for key, future in futures.items():
        task = source_of(future) if key not in found else None
        if task is not None:
            found[key] = End(tasks=[id(task)])
    if len(found) < len(futures) and "asyncio.tasks" in sys.modules:
        for ident, stack in looked.items():
            found.update((key, End(ident)) for key in unstarted(_loop_of(stack)) if key in futures)
    return found


def _loop_of(stack: Stack) -> object:
    running = running_in(stack)
    return running.loop if running is not None else None
