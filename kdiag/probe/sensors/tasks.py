"""What asyncio's tasks wait for, and who can end that: a lock's task, another task, the work of a pool.

A task's coroutines stand one in the other; the innermost are asyncio's own waits, whose frames hold the object. A task
that runs now stands on a thread's stack.

Separate from `waits`, which reads the stacks of threads, and from `coroutines`, which finds the frames.
"""

from __future__ import annotations

import sys
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from ..turns import Turns
from .calls import LONGEST_CODE, chain_at, instructions, local, object_of, reached
from .coroutines import coroutines_of, items, name_of, registered
from .futures import attribute, inner_of, source_of, time_limited
from .places import instance_dict
from .waits import Wait, is_time, lock_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, FrameType

    from .calls import Chain
    from .frames import Stack

# By module and function: the kind of wait. The object is the frame's `self`.
_WAITS = {
    "asyncio.locks": {
        "acquire": "lock", "__aenter__": "lock", "wait": "event", "wait_for": "condition", "_wait": "barrier",
        "_block": "barrier",
    },
    "asyncio.queues": {"get": "queue", "put": "queue", "join": "queue"},
    "asyncio.tasks": {"sleep": "sleep", "wait_for": "task", "wait": "tasks", "_wait": "tasks"},
    "asyncio.taskgroups": {"__aexit__": "tasks", "_aexit": "tasks"},
}  # fmt: skip
_FUNCTIONS = {
    function: [(module, kinds[function]) for module, kinds in _WAITS.items() if function in kinds]
    for function in chain.from_iterable(_WAITS.values())
}
_KINDS = (
    ("lock", "locks", "Lock"), ("semaphore", "locks", "Semaphore"), ("event", "locks", "Event"),
    ("condition", "locks", "Condition"), ("barrier", "locks", "Barrier"), ("queue", "queues", "Queue"),
)  # fmt: skip
_AWAITING = frozenset({
    "SEND", "YIELD_VALUE", "YIELD_FROM", "RESUME", "JUMP_BACKWARD_NO_INTERRUPT", "LOAD_CONST", "GET_AWAITABLE",
    "LOAD_COMMON_CONSTANT", "PUSH_NULL", "EXTENDED_ARG", "NOP",
})  # fmt: skip
_HELD = frozenset({"lock", "semaphore", "future"})  # what another one may hold, or bring
_AGAIN = 16
_CHILDREN = 64
_KNOWN = 256

# By (code, offset); the code is held so that its id is not given away again.
_chains: dict[tuple[int, int], tuple[CodeType, tuple[Chain, ...]]] = {}


# The ids of a task and of the future that it waits for, in one number: thousands of tuples would be counted as what
# grows, and have the collector run in our thread.
TaskKey = int
_ID_BITS = 64
Loops = dict[int, tuple[object, int]]  # those that run, by id, each with its thread's ident


class Task(NamedTuple):
    """A task that has not ended.

    Attributes:
        thread: ident of the thread that runs its loop; 0 where none does.
        frames: of its coroutines, innermost first; of one that runs, the thread's from there on.
        running: it runs now.
        ready: what it waited for is there, and it is about to run.
        wait: what it waits for.
        needs: the tasks that must end before it goes on.
    """

    task: Any
    thread: int
    frames: Stack
    running: bool
    ready: bool
    wait: Wait | None
    needs: tuple[Any, ...]

    @property
    def name(self) -> str:
        """Its name, if it is a text."""
        return name_of(self.task)

    @property
    def asks(self) -> bool:
        """Whether it waits for what another one holds, or has to bring."""
        if self.wait is None or self.wait.kind not in _HELD:
            return False
        return self.wait.kind != "future" or self.wait.value is not attribute(self.task, "_fut_waiter")

    def named_wait(self) -> Wait | None:
        """Its wait with what the code that awaits calls the object; "" where it does not by a plain chain."""
        wait = self.wait
        if wait is None or wait.depth >= len(self.frames) or _library(self.frames[wait.depth]):
            return wait
        values = (wait.value, attribute(self.task, "_fut_waiter"))
        return wait._replace(name=_name(self.frames[wait.depth], values))


class Idle:
    """The tasks that were seen to wait for nobody who is known, while they wait for the same: by ids alone.

    Services have thousands of these. Now and then all are looked at again, for ids are given away again.
    """

    def __init__(self) -> None:
        self._looks = 0
        self._before: set[TaskKey] = set()
        self._now: set[TaskKey] = set()

    def next(self) -> None:
        """Another look begins."""
        self._looks += 1
        self._before, self._now = (self._now if self._looks % _AGAIN else set()), set()

    def knows(self, task: object) -> bool:
        """Whether a task waits for the same as at the last look, and for nobody."""
        key = key_of(task)
        known = key in self._before
        if known:
            self._now.add(key)
        return known

    def note(self, task: Task) -> None:
        """Take in what a task was seen to wait for."""
        if task.wait is not None and not task.needs and not task.asks:
            self._now.add(key_of(task.task))

    def forget(self, task: Task) -> None:
        """It does wait for somebody, as it turned out when all were looked at together."""
        self._now.discard(key_of(task.task))


def key_of(task: object) -> TaskKey:
    """What tells a task that waits from others, and from itself when it waits for something else."""
    return id(task) << _ID_BITS | id(attribute(task, "_fut_waiter"))


class Tasks(NamedTuple):
    """The tasks of one look: those that were looked at, those that need not be, and how many there are in all."""

    seen: list[Task]
    skipped: list[Any]
    total: int


def tasks_of(loops: Loops, looked: Mapping[int, Stack], most: int, idle: Idle) -> Tasks:
    """The tasks that have not ended.

    Args:
        loops: those that run, by id, each with the ident of its thread.
        looked: the stacks of all threads.
        most: of so many at most.
        idle: those that need not be looked at again.
    """
    if not looked:  # without the GIL no frame can be looked at
        return Tasks([], [], 0)
    found, count = registered((loop for loop, _ in loops.values()), most)
    turns, tasks, skipped = Turns(), [], []
    idle.next()
    for task in found[:most]:
        turns.next()
        if idle.knows(task):
            skipped.append(task)
        elif is_pending(task):
            tasks.append(_look(task, loops, looked))
            idle.note(tasks[-1])
    return Tasks(_with_limits(tasks, loops), skipped, count)


def with_skipped(tasks: Tasks, loops: Loops, looked: Mapping[int, Stack]) -> Tasks:
    """The same, with all of them looked at."""
    turns, seen = Turns(), list(tasks.seen)
    for task in tasks.skipped:
        turns.next()
        seen.append(_look(task, loops, looked))
    return Tasks(_with_limits(seen, loops), [], tasks.total)


def _with_limits(tasks: list[Task], loops: Loops) -> list[Task]:
    """The same, with those marked that `asyncio.timeout` will cancel; looked for where it matters."""
    if not any(task.needs or task.asks for task in tasks):
        return tasks
    limited = {id(task) for loop, _ in loops.values() for task in time_limited(loop)}
    return [
        task._replace(wait=task.wait._replace(limited=True)) if task.wait and id(task.task) in limited else task
        for task in tasks
    ]


def _look(task: object, loops: Loops, looked: Mapping[int, Stack]) -> Task:
    loop = attribute(task, "_loop")
    thread = loops[id(loop)][1] if id(loop) in loops else 0
    frames, running = coroutines_of(task)
    if running and frames:
        return Task(task, thread, _on_stack(frames[-1], looked.get(thread, [])) or frames, True, False, None, ())
    future = attribute(task, "_fut_waiter")
    if future is None or not is_pending(future):
        return Task(task, thread, frames, False, True, None, ())
    wait, needs = _wait_of(frames, future)
    return Task(task, thread, frames, False, False, wait._replace(limited=_is_limited(frames)), needs)


def _on_stack(outermost: FrameType, stack: Stack) -> Stack:
    """A thread's frames from a coroutine's outermost on."""
    depth = next((depth for depth, frame in enumerate(stack) if frame is outermost), -1)
    return stack[: depth + 1]


def _wait_of(frames: Stack, future: object) -> tuple[Wait, tuple[Any, ...]]:
    """What a task waits for whose innermost wait is for a future, and the tasks that must end first."""
    inner = list(takewhile(_library, frames))
    depth = min(len(inner), max(0, len(frames) - 1))
    kind = _library(inner[-1]) if inner else None
    if kind in {"lock", "event", "condition", "barrier", "queue"}:
        value = local(frames[0], "self")
        return Wait(kind_of(value) or "future", value, "", 0, depth), ()
    if kind == "sleep":
        return Wait("sleep", future, "", 0, depth), ()
    if kind == "tasks":
        waited = _waited_for(inner)
        return Wait("tasks", waited if waited is not None else future, "", 0, depth), _pending(waited)
    return _wait_for_future(future, depth)


def _wait_for_future(future: object, depth: int) -> tuple[Wait, tuple[Any, ...]]:
    if type(future) is getattr(sys.modules.get("asyncio.tasks"), "_GatheringFuture", None):
        children = object.__getattribute__(future, "_children")  # its own class is asyncio's, and has no descriptor
        return Wait("tasks", future, "", 0, depth), _pending(children)
    inner = inner_of(future)
    future = inner if inner is not None else future  # of shield
    if is_task(future):
        return Wait("task", future, "", 0, depth), (future,)
    source = source_of(future)
    return Wait("future", source if source is not None else future, "", 0, depth), ()


def _waited_for(inner: Stack) -> Any:
    """The tasks that a group or a `wait` waits for; None where one of them is enough, or it waits for a time only."""
    for frame in inner:
        name = frame.f_code.co_name
        if name in {"__aexit__", "_aexit"}:
            return instance_dict(local(frame, "self")).get("_tasks")
        if name == "_wait":
            when = local(frame, "return_when")
            return local(frame, "fs") if type(when) is str and when == "ALL_COMPLETED" else None
    return None


def _pending(tasks: Any) -> tuple[Any, ...]:
    several = items(tasks)[:_CHILDREN] if type(tasks) in {list, set, tuple} else []
    return tuple(task for task in several if is_task(task) and is_pending(task))


def is_pending(future: object) -> bool:
    """Whether a future or a task of asyncio's has not ended."""
    state = attribute(future, "_state")
    return type(state) is str and state == "PENDING"


def is_task(value: object) -> bool:
    """Whether it is a task of asyncio's, written in C or in Python."""
    module = sys.modules.get("asyncio.tasks")
    kinds = [kind for name in ("Task", "_PyTask") if isinstance(kind := getattr(module, name, None), type)]
    return any(issubclass(type(value), kind) for kind in kinds)


def kind_of(value: object) -> str:
    """The kind of one of asyncio's objects that can be waited for; "" for any other."""
    for kind, module, name in _KINDS:
        base = getattr(sys.modules.get(f"asyncio.{module}"), name, None)
        if base is not None and issubclass(type(value), base):
            return kind
    return ""


def _is_limited(frames: Stack) -> bool:
    """Whether a time limit ends the wait: `wait_for`, `wait` or `timeout`."""
    for frame in frames:
        kind = _library(frame)
        if kind in {"task", "tasks"} and is_time(local(frame, "timeout")):
            return True
    return False


def _library(frame: FrameType) -> str | None:
    """The kind of wait that a frame of asyncio's stands for."""
    for module, kind in _FUNCTIONS.get(frame.f_code.co_name, ()):
        if module in sys.modules and frame.f_globals is vars(sys.modules[module]):
            return kind
    return None


def _name(frame: FrameType, values: tuple[object, ...]) -> str:
    """How the frame that awaits one of these names it."""
    for way in _awaited(frame.f_code, frame.f_lasti):
        found = reached(frame, way)
        if found is not None and any(value is found.value or value is lock_of(found.value) for value in values):
            return found.name
    return ""


def _awaited(code: CodeType, offset: int) -> tuple[Chain, ...]:
    """How the object is reached that an instruction awaits, or awaits a method of."""
    known = _chains.get((id(code), offset))
    if known is None:
        if len(_chains) >= _KNOWN:
            forget()
        known = _chains[id(code), offset] = (code, tuple(_read(code, offset)))
    return known[1]


def _read(code: CodeType, offset: int) -> Iterator[Chain]:
    steps = [step for step in instructions(code) if step[0] <= offset] if len(code.co_code) <= LONGEST_CODE else []
    while steps and steps[-1][1] in _AWAITING:
        steps.pop()
    for way in (chain_at(code, steps[-1][0]), object_of(code, steps, "")) if steps else ():
        if way is not None:
            yield way


def forget() -> None:
    """Let go of the code that was looked at."""
    _chains.clear()
