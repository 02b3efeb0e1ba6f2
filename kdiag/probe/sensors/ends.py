"""Who can end each wait: the holder of a lock, the worker or the coroutine that brings a future's result.

Separate from `waits` and `tasks`, which know one stack only: here all threads and tasks are looked at together.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from ..turns import Turns
from .futures import source_of, unstarted
from .holders import HELD, Held, held_in, holders_of, owner_of
from .places import places_of
from .waits import lock_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .frames import Stack
    from .pools import PoolsNow
    from .tasks import Loops, Task
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
        holders: idents of threads, or ids of tasks, that hold it among others that are not known.
    """

    owner: int = 0
    held_at: list[Any] | None = None
    sure: bool = True
    tasks: Sequence[int] = ()
    workers: Sequence[int] = ()
    holders: Sequence[int] = ()


UNKNOWN = End()


class Ends(NamedTuple):
    """Who can end the waits of threads, by their idents, and of tasks, by their ids; and which tasks hold something."""

    of_threads: dict[int, End]
    of_tasks: dict[int, End]
    holding: set[int]


def ends_of(
    looked: Mapping[int, Stack], waits: Mapping[int, Wait], pools: PoolsNow, tasks: Sequence[Task], loops: Loops
) -> Ends:
    """Who can end each wait of these threads and tasks."""
    holders = holders_of(looked, waits)
    holding = _add_tasks(holders, waits, tasks)
    asked = [*waits.values(), *(task.wait for task in tasks if task.wait is not None and task.asks)]
    plain = {id(task.wait.value) for task in tasks if task.wait is not None and task.wait.kind == "future"}
    futures = {id(wait.value): wait.value for wait in asked if wait.kind == "future"}
    of_futures = _ends_of_futures(futures, plain, pools, loops)
    turns, of_tasks = Turns(), {}
    for task in tasks:
        turns.next()
        if task.needs:
            of_tasks[id(task.task)] = End(tasks=[id(each) for each in task.needs])
        elif task.wait is not None:
            of_tasks[id(task.task)] = _end_of(task.wait, of_futures, holders)
    return Ends({ident: _end_of(wait, of_futures, holders) for ident, wait in waits.items()}, of_tasks, holding)


def is_settled(waits: Mapping[int, Wait], tasks: Sequence[Task], ends: Ends) -> bool:
    """Whether no other task could hold or bring what is waited for, nor be one that somebody waits for."""
    seen = {id(task.task) for task in tasks}
    asked = [ends.of_threads[ident] for ident, wait in waits.items() if wait.kind in HELD or wait.kind == "future"]
    asked += [ends.of_tasks[id(task.task)] for task in tasks if task.asks]
    return all((end.owner or end.workers or end.tasks) and seen.issuperset(end.tasks) for end in asked)


def described_wait(wait: Wait, end: End) -> dict[str, Any]:
    """A wait and its end, fit for JSON; what is as it mostly is, is left out."""
    described: dict[str, Any] = {
        "kind": wait.kind, "id": id(wait.value), "name": wait.name, "depth": wait.depth,
        "owner": end.owner, "held_at": end.held_at,
    }  # fmt: skip
    if not end.sure:
        described["sure"] = False
    if wait.limited:
        described["limited"] = True
    for name, several in (("tasks", end.tasks), ("workers", end.workers), ("holders", end.holders)):
        if several:
            described[name] = list(several)[:_MOST]
    return described


def involved(tasks: Sequence[Task], ends: Ends) -> list[Task]:
    """The tasks that wait for somebody who is known, or that others wait for."""
    keys = {key for key, end in ends.of_tasks.items() if end.owner or end.tasks or end.workers} | ends.holding
    for end in (*ends.of_threads.values(), *ends.of_tasks.values()):
        keys.update(end.tasks)
    return [task for task in tasks if id(task.task) in keys][:_MOST]


def described_task(task: Task, ends: Ends) -> dict[str, Any]:
    """A task, fit for JSON."""
    described: dict[str, Any] = {
        "id": id(task.task), "name": task.name, "thread": task.thread,
        "state": "running" if task.running else "ready" if task.ready else "waiting",
        "frames": places_of(task.frames),
    }  # fmt: skip
    wait = task.named_wait()
    if wait is not None:
        described["wait"] = described_wait(wait, ends.of_tasks.get(id(task.task), UNKNOWN))
    return described


def _add_tasks(holders: dict[int, list[Held]], waits: Mapping[int, Wait], tasks: Sequence[Task]) -> set[int]:
    """Add the tasks that hold what is waited for; the ids of those.

    A lock of a thread's is looked for only where no thread holds it: a coroutine keeps it while it awaits something.
    """
    wanted = {id(wait.value) for wait in waits.values() if wait.kind in HELD and not wait.owner} - set(holders)
    wanted |= {id(task.wait.value) for task in tasks if task.wait is not None and task.wait.kind in HELD}
    turns, found = Turns(), set()
    for task in tasks if wanted else ():
        turns.next()
        wait = task.wait
        let_go = id(lock_of(wait.value)) if wait is not None and wait.kind == "condition" else 0
        awaits = wait.value if wait is not None and wait.kind in HELD else None
        for lock, held in held_in(task.frames, id(task.task), wanted, task=True, awaits=awaits):
            if lock != let_go:
                holders.setdefault(lock, []).append(held)
                found.add(held.who)
    return found


def _end_of(wait: Wait, of_futures: Mapping[int, End], holders: Mapping[int, list[Held]]) -> End:
    if wait.kind == "future":
        return of_futures.get(id(wait.value), UNKNOWN)
    seen = holders.get(id(wait.value), [])
    held = owner_of(wait, seen)
    if held is None:
        return End(holders=list(dict.fromkeys(each.who for each in seen)))
    if held.task:
        return End(0, held.at, held.sure, tasks=[held.who])
    return End(held.who, held.at, held.sure)


def _ends_of_futures(futures: Mapping[int, object], plain: set[int], pools: PoolsNow, loops: Loops) -> dict[int, End]:
    """The work of a pool, or a coroutine of a loop: one that runs, or one that has not even started.

    Of `plain` futures, which are a loop's own, only a pool can know.
    """
    running, queued = pools.workers_for({*futures, *plain})
    found = {future: End(worker) for future, worker in running.items()}
    found.update((future, End(workers=workers)) for future, workers in queued.items())
    for key, future in futures.items():
        task = source_of(future) if key not in found else None
        if task is not None:
            found[key] = End(tasks=[id(task)])
    if not futures.keys() <= found.keys() and "asyncio.tasks" in sys.modules:
        for loop, ident in loops.values():
            found.update((key, End(ident)) for key in unstarted(loop) if key in futures)
    return found
