"""All threads of the target, and the tasks of its loops: names, stacks, and what each waits for.

A look is taken when it is asked for. On builds without the GIL stacks are left out: there is no safe way to walk the
frames of a thread that runs meanwhile.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ..turns import Turns
from . import acquired, blocks, calls, futures, tasks
from .ends import UNKNOWN, Ends, described_task, described_wait, ends_of, involved, is_settled
from .frames import Stack, stacks
from .orphans import orphans
from .places import places_once, text, threads_and_ours
from .pools import Pools
from .running_loops import loops_of
from .tasks import Idle, key_of, tasks_of, with_skipped
from .waits import Wait, wait_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .places import Place
    from .pools import PoolsNow
    from .tasks import Task

_THREADS = 256
_TASKS = 2000
_FRAMES = 96
_SHAPE_FRAMES = 3
_ALIKE = 64
_HELD_BY_NOBODY = frozenset({"condition", "event", "queue", "barrier"})  # any thread may end such a wait
_PACKAGE = f"{__package__.rpartition('.')[0]}."


class ThreadsSensor:
    """See the module; between two looks it keeps no object of the target's."""

    name = "threads"
    buffered = 0
    period_s = 60.0  # it looks when it is asked

    def __init__(self) -> None:
        self.dropped = 0
        self._idle = Idle()
        self._pools = Pools()

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Let go of the code that was looked at."""
        calls.forget()
        blocks.forget()
        acquired.forget()
        tasks.forget()
        futures.forget()

    def tick(self) -> None:
        """Nothing happens between two questions."""

    def data(self, since: int) -> dict[str, Any]:  # noqa: ARG002 - every look is complete
        """All threads but ours: ident, native id, name, daemon, frames (innermost first), and the wait if any.

        Threads that Python code did not start have no name. `dropped` counts threads beyond the limit.
        """
        at = time.perf_counter()
        seen = _look(_TASKS, self._idle, self._pools)
        waits, ends, looked = seen.waits, seen.ends, seen.looked
        idents = list({**looked, **seen.known})
        self.dropped += max(0, len(idents) - _THREADS)
        told = involved(seen.tasks, ends)
        alike: dict[tuple[int, ...], tuple[Place, ...]] = {}
        for task in told:
            self._idle.forget(task)
        return {
            "at": at,
            "threads": [
                _thread(ident, seen.known.get(ident, {}), places_once(looked.get(ident, []), alike), waits, ends)
                for ident in _important_first(idents, waits, ends)[:_THREADS]
            ],
            **self._pools.told(seen.pools, waits),
            "tasks": [described_task(task, ends) for task in told],
            "switch_interval": sys.getswitchinterval(),
            "dropped": max(0, len(idents) - _THREADS),
            "took": time.perf_counter() - at,
        }

    def tasks(self, most: int, *, prove: bool = False) -> dict[str, Any]:
        """The tasks that have not ended, `most` at most, and how many there are of which so many were looked at.

        With `prove`, `orphan` of those that wait is what `orphans` has proven of them.
        """
        proven = orphans(loops_of(stacks(_FRAMES)), most) if prove else {}
        seen = _look(most, Idle(), Pools())
        told = [described_task(task, seen.ends) for task in seen.tasks]
        for task in told:
            task["orphan"] = proven.get(task["id"], "") if task["state"] == "waiting" else ""
        return {"tasks": told, "count": seen.total}


class _Seen(NamedTuple):
    """All threads and tasks of one look."""

    known: Mapping[int, dict[str, Any]]
    looked: dict[int, Stack]
    waits: dict[int, Wait]
    pools: PoolsNow
    tasks: list[Task]
    total: int
    ends: Ends


def _look(tasks: int, idle: Idle, pools: Pools) -> _Seen:
    """Look at all threads but ours, and at so many tasks."""
    known, ours = threads_and_ours()
    looked = {
        ident: stack
        for ident, stack in stacks(_FRAMES).items()
        if ident in known or not (ident in ours or _is_ours(stack))
    }
    waits = _waits(looked)
    now, loops = pools.now(looked), loops_of(looked)
    found = tasks_of(loops, looked, tasks, idle)
    ends = ends_of(looked, waits, now, found.seen, loops)
    if found.skipped and not is_settled(waits, found.seen, ends):
        found = with_skipped(found, loops, looked)
        ends = ends_of(looked, waits, now, found.seen, loops)
    awaiting = {key_of(task.task): task.frames for task in found.seen if not task.running}
    pools.note_tasks(now, awaiting, frozenset(map(key_of, found.skipped)))
    return _Seen(known, looked, waits, now, found.seen, found.total, ends)


def _waits(looked: dict[int, Stack]) -> dict[int, Wait]:
    """What each thread waits for; of a lock that says that it is free, where several threads stand at it at once.

    Of very many threads that wait alike, and for nothing that a thread holds, some stand for all.
    """
    turns, found, free = Turns(), {}, {}
    alike: Counter[tuple[int, ...]] = Counter()
    for ident, stack in looked.items():
        turns.next()
        shape = _shape(stack)
        if alike[shape] >= _ALIKE:
            continue
        wait = wait_of(stack, ident)
        if wait is not None:
            found[ident] = wait
            alike[shape] += wait.kind in _HELD_BY_NOBODY
        elif (wait := wait_of(stack, ident, free=True)) is not None:
            free[ident] = wait
    standing = Counter(id(wait.value) for wait in (*found.values(), *free.values()))
    return found | {ident: wait for ident, wait in free.items() if standing[id(wait.value)] > 1}


def _shape(stack: Stack) -> tuple[int, ...]:
    """The instructions that a thread stands at in its innermost frames."""
    return tuple(chain.from_iterable((id(frame.f_code), frame.f_lasti) for frame in stack[:_SHAPE_FRAMES]))


def _important_first(idents: list[int], waits: dict[int, Wait], ends: Ends) -> list[int]:
    """All threads, first those that wait for another one and those that can end such a wait."""
    involved = {ident for ident, wait in waits.items() if wait.kind not in _HELD_BY_NOBODY}
    for end in (*ends.of_threads.values(), *ends.of_tasks.values()):
        involved.update((end.owner, *end.workers, *end.holders))
    return sorted(idents, key=lambda ident: 2 * (ident not in involved) + (ident not in waits))


def _thread(
    ident: int, known: dict[str, Any], places: tuple[Place, ...], waits: Mapping[int, Wait], ends: Ends
) -> dict[str, Any]:
    native = known.get("_native_id")
    described: dict[str, Any] = {
        "ident": ident,
        "native": native if type(native) is int else 0,
        "name": text(known.get("_name")),
        "daemon": known.get("_daemonic") is True,
        "frames": places,
    }
    if ident in waits:
        described["wait"] = described_wait(waits[ident], ends.of_threads.get(ident, UNKNOWN))
    return described


def _is_ours(stack: Stack) -> bool:
    """Whether a stack begins in the probe's own code: the thread that keeps a door has no name."""
    return f"{text(stack[-1].f_globals.get('__name__'))}.".startswith(_PACKAGE)
